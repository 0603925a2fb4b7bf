import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { planText } from "#cli/plan-text.ts";
import { showText } from "#cli/show-text.ts";
import { forecast } from "#forecast.ts";
import { showRequest } from "#intake/show.ts";
import { loadPolicy } from "#policy/load.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

/** Everybody asks on 2 November; it is due on 2 December, and the night of the first is the last one before. */
const last = "2026-12-01T02:00:00Z";
const lastButOne = "2026-11-30T02:00:00Z";

/** Some live in Kiel with two of the living, and one on Sylt, who pays like nobody else. */
const schema = `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 9) n;
  create table visits (id int generated always as identity primary key, customer_id int references customers, at date, city text, page text, seconds int);
  insert into visits (customer_id, at, city, page, seconds) values
    (1, '2026-01-05', 'Sylt', 'dunes', 111), (1, '2026-02-05', 'Kiel', 'home', 222),
    (2, '2026-01-06', 'Kiel', 'home', 1), (3, '2026-01-07', 'Kiel', 'home', 2), (4, '2026-02-08', 'Kiel', 'home', 3);
`;
const tables = (late: string) => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  quasi: [city, page]
  k: 3
  conserve: [count, sum(seconds)]
  clock: at
  columns: { customer_id: { set: null }, at: keep, city: keep, page: keep, seconds: keep }
  ${late}`;
const visits = () => night.store.query("select customer_id as who, city, page, seconds from visits order by id");
const kiel = (seconds: number, who: number | null) => ({ who, city: "Kiel", page: "home", seconds });
const document = async (report: string | null | undefined) =>
  JSON.parse(await readFile(join(report ?? "", "report.json"), "utf8")) as {
    analytics: { conserved: Record<string, unknown>[]; late: unknown[] };
    failures: unknown[];
  };

describe("whose deadline comes before enough others do", () => {
  it("waits on, and says so, where the policy says nothing else", async () => {
    night = await openNight({ schema, tables: tables("") });
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    await night.nightly(night.at("2026-12-24T02:00:00Z"));
    expect(await night.requests()).toMatchObject([
      { state: "failed", code: "ANONYMITY_BELOW", detail: { wait: { missing: 2, then: "wait" } } },
    ]);
    expect(await visits()).toMatchObject([{ who: 1 }, { who: 1 }, {}, {}, {}]);
  });

  it("waits until the last night before, and no night longer", async () => {
    night = await openNight({ schema, tables: tables("late: erase") });
    const [ref = ""] = await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    await night.nightly(night.at(lastButOne));
    const shown = await showRequest(night.context, ref);
    expect(showText(shown)).toContain(
      "waits          for 2 more; in the night of 2026-12-01 its rows there go (late: erase)",
    );
    expect(shown).toMatchObject({
      state: "failed",
      due: "2026-12-02",
      codeSince: expect.stringMatching(/^2026-11-02/),
      waits: { missing: 2, until: "2026-12-01", then: "erase" },
    });
    await night.nightly(night.at(last));
    expect(await night.requests()).toMatchObject([{ state: "completed" }]);
  });

  it("has its rows erased, all of that table and of no other, and the report says what that cost", async () => {
    night = await openNight({ schema, tables: tables("late: erase") });
    const [ref = ""] = await night.ask({ email: "p1@shop.example" });
    const { report } = await night.nightly(night.at(last));
    expect(await visits()).toEqual([kiel(1, 2), kiel(2, 3), kiel(3, 4)]);
    expect(await night.dispositions(ref)).toEqual(["anonymise customers 1 0", "erase visits 2 0"]);
    const { analytics } = await document(report);
    expect(analytics.late).toEqual([
      { ref, store: "shop", table: "visits", late: "erase", rows: 2, due: "2026-12-02" },
    ]);
    expect(analytics.conserved).toHaveLength(4);
    // Who subtracts must not learn how long somebody stayed.
    for (const total of analytics.conserved)
      expect(total).toMatchObject({ equal: false, why: "deadline", before: null, after: null });
    const entries = await night.state.query("select body from lethe.ledger_entry where kind = 'request.late'");
    expect(JSON.parse(String(entries[0]?.["body"]))).toMatchObject({
      request: ref,
      table: "visits",
      late: "erase",
      rows: 2,
    });
  });

  it("has what tells its rows apart emptied, where the emptied rows are enough for a class", async () => {
    night = await openNight({
      schema: `${schema} insert into visits (customer_id, at, city, page, seconds) select n, '2026-01-09', 'c' || n, 'p' || n, n from generate_series(5, 6) n`,
      tables: tables("late: suppress"),
    });
    const [ref = ""] = await night.ask(...[1, 5, 6].map((n) => ({ email: `p${n}@shop.example` })));
    const { report } = await night.nightly(night.at(last));
    const emptied = (seconds: number) => ({ who: null, city: null, page: null, seconds });
    expect(await visits()).toEqual([
      emptied(111),
      emptied(222),
      kiel(1, 2),
      kiel(2, 3),
      kiel(3, 4),
      emptied(5),
      emptied(6),
    ]);
    expect((await document(report)).analytics.late).toContainEqual({
      ref,
      store: "shop",
      table: "visits",
      late: "suppress",
      rows: 2,
      due: "2026-12-02",
    });
    expect((await document(report)).analytics.conserved).toMatchObject(
      Array.from({ length: 4 }, () => ({ equal: true, why: null })),
    );
  });

  it("has its rows erased where even the emptied ones would be too few", async () => {
    night = await openNight({ schema, tables: tables("late: suppress") });
    await night.ask({ email: "p1@shop.example" });
    await night.nightly(night.at(last));
    expect(await visits()).toHaveLength(3);
    expect(await night.state.query("select late, rows from lethe.late")).toEqual([{ late: "erase", rows: 2 }]);
  });

  it("goes with others all the same, where there are enough by then", async () => {
    night = await openNight({ schema, tables: tables("late: erase") });
    await night.ask({ email: "p2@shop.example" });
    await night.nightly(night.at(last));
    expect(await visits()).toMatchObject([{}, {}, kiel(1, null), {}, {}]);
    expect(await night.state.query("select from lethe.late")).toEqual([]);
  });

  it("may have rows go in one table and emptied in another, of which the plan that was approved says both", async () => {
    night = await openNight({
      schema: `${schema}
        create table searches (id int primary key, customer_id int references customers, term text not null, price int);
        create table orders (id int primary key, customer_id int references customers, total int, "on" date default '2026-01-01');
        insert into searches values (1, 1, 'rare', 7), (2, 2, 'other', 1), (3, 3, 'other', 1), (4, 4, 'other', 1);
        insert into orders values (1, 1, 7), (2, 2, 7)`,
      tables: `${tables("late: erase")}
orders: { treatment: retain, class: voucher, clock: on, columns: { customer_id: keep, total: keep, on: keep } }
searches:
  treatment: anonymise
  quasi: [term]
  k: 3
  attack: [{ knows: orders, by: { price: total } }]
  late: suppress
  columns: { customer_id: { set: null }, term: keep, price: keep }`,
    });
    const [plan] = await forecast(night.context, []);
    expect(
      planText(
        [plan].flatMap((each) => each ?? []),
        1,
      ),
    ).toMatch(/searches .*who is recognised in them at the deadline: term → 'other', price → null, or rows deleted/);
    const refs = await night.ask({ email: "p1@shop.example" });
    await night.nightly(night.at(last));
    expect(await night.requests(...refs)).toMatchObject([{ state: "completed" }]);
    expect(await visits()).toHaveLength(3);
    expect(await night.store.query("select customer_id, term, price from searches where id = 1")).toEqual([
      { customer_id: null, term: "other", price: null },
    ]);
    expect(await night.state.query("select table_name, late from lethe.late order by 1")).toEqual([
      { table_name: "searches", late: "suppress" },
      { table_name: "visits", late: "erase" },
    ]);
  });

  it("is approved anew when the policy says something else of the deadline", async () => {
    night = await openNight({ schema, tables: tables("late: erase") });
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    const file = join(night.directory, "policy.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace("late: erase", "late: suppress"));
    const policy = await loadPolicy(file);
    const at = night.at(last);
    await night.nightly({ ...at, stores: at.stores.map((store) => ({ ...store, policy })) });
    expect(await night.requests()).toMatchObject([{ state: "verified", code: "PLAN_CHANGED" }]);
    expect(await visits()).toHaveLength(5);
  });

  it("takes nobody else along whose time has not come", async () => {
    night = await openNight({
      schema: `${schema} insert into visits (customer_id, city, page) values (5, 'Husum', 'sea')`,
      tables: tables("late: erase"),
    });
    const refs = await night.ask({ email: "p1@shop.example" }, { email: "p5@shop.example" });
    await night.state.query("update lethe.request set due_on = '2027-01-04' where ref = $1", [refs[1]]);
    await night.nightly(night.at(last));
    expect(await night.requests()).toMatchObject([
      { state: "completed" },
      { state: "failed", detail: { wait: { missing: 2, then: "erase" } } },
    ]);
  });
});
