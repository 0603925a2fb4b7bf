import { join } from "node:path";
import { sql } from "kysely";
import { parse } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { measure } from "#anonymity/measures.ts";
import { readHierarchies } from "#anonymity/search/read-hierarchies.ts";
import type { Found } from "#anonymity/search/search-table.ts";
import { loadPublicTable, publicTablesMissing } from "#test/anonymity/public-tables.ts";
import { transform } from "#policy/schema/tables.ts";
import { generalised } from "#test/anonymity/search/brute-force.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { repository } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const file = join(repository, "test/anonymity/search/adult.yaml");
const schema = "create table customers (id int primary key, email text not null);";
const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: anonymise, columns: { email: { unique: "erased-{random}@invalid" } } }
  adult: { treatment: keep, reason: a public table }
`;

let project: Project;
beforeAll(async () => {
  project = await createProject({ schema, policy });
  if (publicTablesMissing === undefined) await loadPublicTable(project.store.pool, "adult");
});
afterAll(() => project.dispose());

const found = async (...args: string[]): Promise<Found> => {
  const run = await letheHere(["--json", "anonymity", "search", "adult", "--hierarchies", file, ...args], {
    cwd: project.directory,
  });
  expect(run.code).toBe(0);
  return JSON.parse(run.stdout) as Found;
};

type Row = Readonly<Record<string, string | number>>;

/**
 * The table that the levels make, row by row, from what the hierarchies say and with nothing of the SQL of the search; measured as any table
 * is. Rows of classes smaller than `least` are held back.
 */
const measuredAt = async (levels: readonly number[], least: number) => {
  const { hierarchies } = await readHierarchies(file);
  const quasi = hierarchies.map(({ column }) => column);
  const rows = await project.store.query<Row>(`select * from adult`);
  const coarse = rows.map((row): Row => ({
    ...row,
    ...Object.fromEntries(
      hierarchies.map((each, index) => {
        const value = generalised(each, row[each.column] ?? null, levels[index] ?? 0);
        return [each.column, value ?? ""];
      }),
    ),
  }));
  const classes = Map.groupBy(coarse, (row) => JSON.stringify(quasi.map((name) => row[name])));
  const kept = [...classes.values()].filter(({ length }) => length >= least).flat();
  const names = [...quasi, "salary-class"].map((name) => sql`${sql.id(name)} text`);
  const source = sql`(select * from jsonb_to_recordset(${JSON.stringify(kept)}::jsonb) as r (${sql.join(names)}))`;
  const sensitive = [{ column: "salary-class", ordered: false }];
  return withClient(project.store.pool, (client) => measure(kyselyOn(client), source, { quasi, sensitive, least: 5 }));
};

describe.skipIf(publicTablesMissing !== undefined)(
  "UCI Adult, by age, education, occupation, relationship, sex and country",
  () => {
    it("is shown to people as it is brought from k 1 to k 5", async () => {
      const args = ["anonymity", "search", "adult", "--hierarchies", file];
      const { code, stdout } = await letheHere(args, { cwd: project.directory });
      expect(code).toBe(0);
      const [text = "", columns = ""] = stdout.split("For the policy:\n\n");
      expect(text.trimEnd().split("\n")).toEqual([
        "adult in shop: 32,561 rows by age, education, occupation, relationship, sex, native-country",
        "",
        "Least loss that meets k 5: 0.4492 of 1.",
        "",
        "column          level   becomes                                       loss",
        "age             5 of 5  one value for all                           1.0000",
        "education       2 of 3  3 groups: no diploma, diploma, degree       0.2348",
        "occupation      1 of 3  4 groups: office, manual, service, unknown  0.2605",
        "relationship    1 of 3  3 groups: spouse, relative, alone           0.2000",
        "sex             0 of 1  as it is                                    0.0000",
        "native-country  3 of 3  one value for all                           1.0000",
        "",
        "measure                   before   after",
        "k                              1       7",
        "classes                   15,093      72",
        "rows below what is asked  19,131       0",
        "loss                      0.0000  0.4492",
        "",
        "Looked at 165 of 3,072 combinations of levels; of the others none can meet it and lose less.",
      ]);
      const written = parse(columns) as { columns: Record<string, unknown> };
      for (const each of Object.values(written.columns)) expect(() => transform.parse(each)).not.toThrow();
      expect(written.columns).toMatchObject({
        age: { set: null },
        education: { generalise: { map: { " Preschool": "no diploma", " Doctorate": "degree" }, otherwise: null } },
        sex: "keep",
        "native-country": { set: "*" },
      });
    });

    it("reaches k 5 by levels at which the generalised table measures what the search says", async () => {
      const { before, best, looked, nodes } = await found();
      expect(await measuredAt(before.levels, 1)).toMatchObject({ k: 1, classes: 15_093, below: before.held });
      expect(before).toMatchObject({ k: 1, classes: 15_093, held: 19_131, loss: 0 });
      expect(best.loss).toBeCloseTo(0.4492, 4);
      expect(best.held).toBe(0);
      expect(await measuredAt(best.levels, 1)).toMatchObject({
        rows: 32_561,
        k: best.k,
        classes: best.classes,
        below: 0,
      });
      expect(best.k).toBeGreaterThanOrEqual(5);
      expect(nodes).toBe(3072);
      expect(looked).toBeLessThan(nodes / 10);
    });

    it("loses less than half of that when five rows in a hundred may be held back", async () => {
      const { best, allowed } = await found("--suppress", "5");
      expect(best.held).toBeLessThanOrEqual(allowed);
      expect(best.loss).toBeCloseTo(0.1709, 4);
      expect(await measuredAt(best.levels, 5)).toMatchObject({
        rows: 32_561 - best.held,
        k: best.k,
        classes: best.classes,
      });
      expect(best.k).toBeGreaterThanOrEqual(5);
    });

    it("reaches l and t as they are measured in the generalised table", async () => {
      const { before, best } = await found("--sensitive", "salary-class", "--l", "2", "--t", "0.3");
      const { k, sensitive } = await measuredAt(best.levels, 1);
      expect(k).toBe(best.k);
      expect(sensitive[0]?.l).toBe(best.l[0]);
      expect(sensitive[0]?.t).toBeCloseTo(best.t[0] ?? -1, 10);
      expect(best.l[0]).toBe(2);
      expect(best.t[0]).toBeLessThanOrEqual(0.3);
      expect(before.t[0]).toBeGreaterThan(0.75);
    });
  },
);
