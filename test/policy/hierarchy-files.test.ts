import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isLetheError } from "#lib/errors.ts";
import { loadPolicy } from "#policy/load.ts";
import type { Transform } from "#policy/policy.ts";
import { changed } from "#test/policy/shop-policy.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lethe-mapping-"));
  await mkdir(join(folder, "hierarchies"));
});
afterEach(() => rm(folder, { recursive: true }));

const cities = "city,region,country\nBonn,Rhineland,DE\nBerlin,Berlin,DE\nWien,Wien,AT\n";
const generalised = (written: string): string =>
  changed("{ map: { Berlin: East, Bonn: West }, otherwise: other }", written);
const named = (rest = "level: 2, otherwise: other"): string => generalised(`{ file: hierarchies/cities.csv, ${rest} }`);

const loaded = async (policy: string, csv: string | Buffer = cities) => {
  await writeFile(join(folder, "shop.yaml"), policy);
  await writeFile(join(folder, "hierarchies/cities.csv"), csv);
  return loadPolicy(join(folder, "shop.yaml"));
};
const cityOf = (policy: Awaited<ReturnType<typeof loaded>>): Transform | undefined => {
  const rule = policy.tables["events"];
  return rule?.treatment === "anonymise" ? rule.columns["city"] : undefined;
};

test("a mapping file beside the policy says what becomes of a value, at the level that is named by number or by name", async () => {
  const map = { Bonn: "DE", Berlin: "DE", Wien: "AT" };
  const rest = { kind: "generalise", map, otherwise: "other" };
  expect(cityOf(await loaded(named()))).toEqual({ ...rest, from: { file: "hierarchies/cities.csv", level: 2 } });
  expect(cityOf(await loaded(named("level: country, otherwise: null")))).toMatchObject({ map, otherwise: null });
  expect(cityOf(await loaded(named("level: 1, otherwise: other")))).toMatchObject({ map: { Bonn: "Rhineland" } });
});

test("a policy with another mapping is another policy; how the file writes it down does not matter", async () => {
  const { digest } = await loaded(named());
  const lines = cities.trim().split("\n");
  const again = [lines[0], ...lines.slice(1).toReversed()].join("\r\n").replaceAll(",", ";");
  expect((await loaded(named(), again)).digest).toBe(digest);
  expect((await loaded(`# agreed\n${named()}`)).digest).toBe(digest);
  for (const other of [cities.replace("Wien,AT", "Wien,EU"), `${cities}Graz,Steiermark,AT\n`]) {
    expect((await loaded(named(), other)).digest).not.toBe(digest);
  }
  expect((await loaded(named("level: 1, otherwise: other"))).digest).not.toBe(digest);
});

const failure = async (policy: string, csv?: string | Buffer) => {
  try {
    await loaded(policy, csv);
  } catch (error) {
    if (isLetheError(error, "POLICY_INVALID")) return error;
    throw error;
  }
  throw new Error("was accepted");
};

test.each([
  ["a level that follows from none before", `${cities}Köln,Rhineland,FR\n`, 5, 16, /not monotone.*`region`.*line 2/],
  ["a value with two groups", `${cities}Bonn,Rhineland,DE\n`, 5, 1, /stands in the file twice/],
  ["a line with an empty cell", `${cities}"Köln, am Rhein",,DE\n`, 5, 18, /its group at each of 2 levels/],
  ["no level", "city\nBonn\n", 1, 1, /expected a header/],
  ["a quotation mark that is never closed", `${cities}"Köln,Rhineland,DE\n`, 5, 1, /quotation mark/],
  ["what no text of PostgreSQL holds", `${cities}K\0ln,Rhineland,DE\n`, 5, 1, /NUL/],
])("%s is refused with its line and column, and without the value", async (_, csv, line, column, message) => {
  const { place, message: said, hint } = await failure(named(), csv);
  expect({ ...place, file: basename(place?.file ?? "") }).toEqual({ file: "cities.csv", line, column });
  expect(said).toMatch(message);
  expect(`${said} ${hint}`).not.toMatch(/Köln|Bonn|Rhineland/);
});

test.each([
  ["a file that is not there", "{ file: cities.csv, level: 1, otherwise: other }", "cities.csv", /no mapping file at/],
  [
    "a level that there is not",
    "{ file: hierarchies/cities.csv, level: 3, otherwise: other }",
    "3, oth",
    /no such level/,
  ],
  ["a name of no level", "{ file: hierarchies/cities.csv, level: contry, otherwise: x }", "contry", /no such level/],
  ["a file without a level", "{ file: hierarchies/cities.csv, otherwise: x }", "{ file", /`file` and `level` together/],
  ["a map with a level", "{ map: { a: b }, level: 1, otherwise: x }", "{ map", /`file` and `level` together/],
  ["a map beside a file", "{ map: { a: b }, file: a.csv, level: 1, otherwise: x }", "{ map", /exactly one of/],
  ["nothing for other values", "{ file: hierarchies/cities.csv, level: 1 }", "{ file", /missing key `otherwise`/],
])("%s is refused where the policy says it", async (_, written, at, message) => {
  const policy = generalised(written);
  const { place, message: said } = await failure(policy);
  expect(said).toMatch(message);
  const line = policy.split("\n")[(place?.line ?? 0) - 1] ?? "";
  expect(line.slice((place?.column ?? 1) - 1)).toMatch(new RegExp(`^${at.replaceAll(/[{.]/g, String.raw`\$&`)}`));
});

test("names of levels come with what they may have been, numbers with the levels that there are", async () => {
  expect((await failure(named("level: contry, otherwise: x"))).hint).toBe("did you mean `country`?");
  expect((await failure(named("level: 9, otherwise: x"))).hint).toBe("name one of 1 (region), 2 (country)");
  expect((await failure(named("level: a, otherwise: x"), "v,a,a\nx,y,z\n")).message).toMatch(/no such level/);
});

test("a file that is too large is refused before it is read: each plan holds the map", async () => {
  const line = (n: number): string => `${String(n).padStart(60, "0")},a,b\n`;
  const lines = (count: number): string => `v,l1,l2\n${Array.from({ length: count }, (_, n) => line(n)).join("")}`;
  expect(Object.keys((cityOf(await loaded(named(), lines(16_000))) as { map: object }).map)).toHaveLength(16_000);
  expect((await failure(named(), lines(17_000))).message).toMatch(/larger than 1024 KiB/);
  expect((await failure(named(), Buffer.from([0x76, 0x2c, 0xff, 0x0a]))).message).toMatch(/not UTF-8/);
});
