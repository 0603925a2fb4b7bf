import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { searchDue, type DueFound } from "#anonymity/search/due/search-due.ts";
import { dueText } from "#cli/anonymity-due-text.ts";
import { hierarchies, schema, tables } from "#test/anonymity/search/due/company.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

type Parts = Partial<Parameters<typeof searchDue>[1]> & { readonly yaml?: string };

const search = async ({ yaml = hierarchies, ...options }: Parts = {}): Promise<DueFound> => {
  const file = join(night.directory, "h.yaml");
  await writeFile(file, yaml);
  const none = { store: undefined, k: undefined, sensitive: undefined, l: undefined, t: undefined, suppress: 0 };
  return searchDue(night.context, { table: "visits", hierarchies: file, ...none, ...options });
};
const people = (...of: number[]) => of.map((n) => ({ email: `p${n}@shop.example` }));
const open = async (more = "", ...rest: Parameters<typeof tables>): Promise<void> => {
  night = await openNight({ schema: `${schema} ${more}`, tables: tables(...rest) });
};

describe("rows that are due, beside rows that stay as they are,", () => {
  it("have at a finer level the company of the living, which a coarser one loses", async () => {
    night = await openNight({ schema, tables: tables().replace("city: keep", "city: { set: far }") });
    await night.ask(...people(4));
    const held = { people: 1, k: 1 };
    expect(await search()).toMatchObject({ met: true, looked: 1, best: { levels: [0, 0], k: 3 }, now: { k: 1, held } });
  });

  it("may not leave a class of published rows that is then too small: such levels are refused, and it is said", async () => {
    // The published rows of 3 March are three with the one that is due.
    await open("update visits set customer_id = null where customer_id in (5, 6);");
    await night.ask(...people(1, 2, 4));
    const found = await search();
    expect(found).toMatchObject({ met: false, best: { weakened: 0 } });
    expect(found.refused).toBeGreaterThan(0);
    expect(dueText(found)).toContain("Refused, because classes of published rows would no longer meet it: ");
    // With one more of the published, it may.
    await night.store.query("insert into visits (city, at) values ('Kiel', '2026-03-03')");
    expect(await search()).toMatchObject({ met: true, refused: 0 });
  });

  it("may not change the table so that published rows are too far from it", async () => {
    await open("delete from visits where customer_id in (7, 8);", "", "plan: { set: none }, seconds: keep");
    await night.ask(...people(1, 2, 4, 5, 6));
    const yaml = "hierarchies: { city: { levels: [] }, at: { levels: [] } }";
    const found = await search({ yaml, sensitive: ["plan"], t: 0.5 });
    expect(found).toMatchObject({ met: false, best: { held: { people: 0 }, weakened: 1, waits: 0 } });
    expect(dueText(found)).toContain("At the best there are, published rows would be less hidden than they are:");
    // Their distance was 1/8, and is what the others say by then: 6/8.
    expect(await search({ yaml, sensitive: ["plan"], t: 0.76 })).toMatchObject({ met: true, best: { weakened: 0 } });
  });

  it("count for one person however many they are", async () => {
    await open("update visits set customer_id = 1, city = 'Kiel', at = '2026-01-05' where customer_id in (2, 8);");
    await night.ask(...people(1));
    const yaml = "hierarchies: { city: { levels: [], most: 0 }, at: { levels: [], most: 0 } }";
    const best = { k: 1, held: { people: 1, k: 1 }, waits: 1, missing: { least: 2, most: 2 } };
    expect(await search({ yaml })).toMatchObject({ people: 1, rows: 4, met: false, best });
  });

  it("are those of requests that were approved, and whom nothing stops", async () => {
    await open();
    await night.ask(...people(1, 2));
    await night.state.query(
      "update lethe.request set state = 'verified' where id = (select min(id) from lethe.request)",
    );
    expect(await search()).toMatchObject({ requests: { due: 1, go: 1 }, people: 1, rows: 1 });
    await night.state.query(
      "update lethe.request set state = 'failed', code = 'ANONYMITY_BELOW' where state = 'verified'",
    );
    expect(await search()).toMatchObject({ requests: { due: 2, go: 2 }, people: 2, rows: 3 });
  });
});

describe("what cannot be told beforehand", () => {
  it("is said of levels that no policy writes, and of what the policy makes of a column now", async () => {
    night = await openNight({
      schema,
      tables: tables().replace("city: keep", "city: { rare: { below: 2, otherwise: other } }"),
    });
    await night.ask(...people(1, 2));
    const found = await search({ yaml: hierarchies.replace("year]", "year, decade]") });
    expect(found).toMatchObject({ now: null, untold: ["city"], unwritable: [{ column: "at", levels: 1 }], nodes: 15 });
    const text = dueText(found);
    expect(text).toContain("What the policy makes of city now cannot be told before the night.");
    expect(text).toContain("Left out, because no policy can write them: 1 of the levels of at.");
  });

  it.each([
    ["--suppress", {}, { suppress: 5 }, "--suppress is for a whole table"],
    [
      "a table that is erased",
      {},
      { table: "notes", yaml: "hierarchies: { said: { levels: [] } }" },
      "no rows of notes are anonymised",
    ],
    [
      "sensitive values that are drawn in the night",
      { columns: "plan: { shuffle: [] }, seconds: keep" },
      { sensitive: ["plan"], l: 2 },
      "what becomes of plan cannot be told before the night (shuffle)",
    ],
  ])("refuses %s", async (_, { columns }: { columns?: string }, options, message) => {
    await open("", "", columns);
    await expect(search(options)).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining(message) });
  });

  it("names the place in the policy of what it refuses", async () => {
    await open();
    await expect(search({ table: "notes", yaml: "hierarchies: { said: { levels: [] } }" })).rejects.toMatchObject({
      place: { line: expect.any(Number) },
      hint: expect.stringContaining("treatment: anonymise"),
    });
  });

  it("asks for the groups of values that are due, and of no others", async () => {
    await open();
    await night.ask(...people(7));
    await expect(search()).rejects.toMatchObject({
      code: "HIERARCHIES_INVALID",
      message: "1 rows have a value of city of which the hierarchy says nothing (1 different values)",
    });
  });
});
