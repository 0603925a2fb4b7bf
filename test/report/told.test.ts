import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { exportPeriod } from "#report/export-period.ts";
import { publishReports } from "#report/publish.ts";
import type { ReportDocument } from "#report/report-document.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const customers = `create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 40) n;
  create table visits (id int generated always as identity primary key, customer_id int references customers, at date not null, city text, seconds int);`;
const tables = `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  conserve: [count, sum(seconds)]
  by: [city]
  clock: at
  columns: { customer_id: { set: null }, at: keep, city: keep, seconds: keep }`;
const ask = (from: number, to: number): Promise<string[]> =>
  night.ask(...Array.from({ length: to - from + 1 }, (_, n) => ({ email: `p${from + n}@shop.example` })));

const conserved = async (directory: string | null | undefined) =>
  (JSON.parse(await readFile(join(directory ?? "", "report.json"), "utf8")) as ReportDocument).analytics.conserved;
const sums = async (directory: string | null | undefined) =>
  (await conserved(directory))
    .filter(({ measure }) => measure === "sum(seconds)")
    .map(({ by, before }) => [by?.["city"] ?? null, before]);

/** Everything that Lethe knows of totals, in both databases, and of what PostgreSQL knows of it. */
const known = async (): Promise<string> => {
  const texts = await Promise.all(
    [night.state, night.store].map(async (database) => {
      const relations = await database.query<{ name: string }>(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'lethe' and tablename ~ 'conserved|total'",
      );
      await database.query("analyze");
      const rows = relations.map(({ name }) => database.query(`select to_jsonb(t) as line from ${name} t`));
      const statistics =
        "select most_common_vals::text, histogram_bounds::text from pg_stats where schemaname = 'lethe'";
      return JSON.stringify([await Promise.all(rows), await database.query(statistics)]);
    }),
  );
  return texts.join("\n");
};

test("of what a report withholds nothing is kept in either database: neither whose it was nor how much", async () => {
  night = await openNight({
    schema: `${customers} insert into visits (customer_id, at, city, seconds)
      select n, '2026-03-01', case when n = 7 then 'Sylt' when n % 2 = 0 then 'Ulm' else 'Kiel' end, case when n = 7 then 987654321 else n end from generate_series(1, 20) n`,
    tables,
  });
  await ask(1, 20);
  const { report } = await night.nightly();
  // Of Sylt was one, and of Kiel the fewest others, who protect the one.
  expect(await sums(report)).toEqual([
    ["Ulm", "110"],
    [null, null],
  ]);
  const text = await known();
  expect(text).toContain("Ulm");
  for (const withheld of ["Sylt", "987654321", "Kiel"]) expect(text).not.toContain(withheld);
  expect(await night.store.query("select from lethe.journal_total")).toEqual([]);
  expect(await night.state.query("select from lethe.conserved")).toEqual([]);
});

test("what one person did in five places is not told as the rest of a month, though five are the fewest that are", async () => {
  night = await openNight({
    schema: `${customers} insert into visits (customer_id, at, city, seconds)
      select n, date '2026-03-10', 'Ulm', n from generate_series(2, 20) n
      union all select n, date '2026-03-10', 'Bonn', n from generate_series(2, 18) n
      union all select 1, date '2026-03-11', c, 1000 from unnest('{a,b,c,d,e}'::text[]) c`,
    tables,
  });
  await ask(1, 20);
  const { report } = await night.nightly();
  expect(await sums(report)).toEqual([
    ["Ulm", "209"],
    [null, null],
  ]);
});

test("a report that is made once more after a crash says the same, and nothing more is known of its totals", async () => {
  night = await openNight({
    schema: `${customers} insert into visits (customer_id, at, city, seconds)
      select n, '2026-03-01', case when n < 3 then 'Sylt' when n % 2 = 0 then 'Ulm' else 'Kiel' end, n from generate_series(1, 20) n`,
    tables,
  });
  await ask(1, 20);
  const { report } = await night.nightly();
  const first = await conserved(report);
  expect(first.map(({ by, before }) => [by?.["city"] ?? null, before])).toContainEqual(["Ulm", "9"]);
  await rm(report ?? "", { recursive: true });
  await night.state.query("update lethe.run set bundle = null");
  expect(await publishReports(night.context)).toEqual([report]);
  expect(await conserved(report)).toEqual(first);
});

test("what a night withheld is not the difference of its report and that of a longer time", async () => {
  const visits = (from: number, to: number, city: string, seconds: string): string =>
    `select n, date '2026-03-10', '${city}', ${seconds} from generate_series(${from}, ${to}) n`;
  night = await openNight({
    schema: `${customers} insert into visits (customer_id, at, city, seconds) ${[
      visits(1, 20, "Ulm", "n"),
      visits(1, 20, "Kiel", "1"),
      visits(1, 20, "Bonn", "1"),
      visits(21, 22, "Ulm", "100"),
      visits(23, 40, "Kiel", "1"),
      visits(24, 40, "Bonn", "1"),
    ].join(" union all ")}`,
    tables,
  });
  await ask(1, 20);
  const first = await night.nightly();
  await ask(21, 40);
  const second = await night.nightly(night.at("2026-11-12T02:00:00Z"));
  expect(await sums(first.report)).toEqual([
    ["Bonn", "20"],
    ["Kiel", "20"],
    ["Ulm", "210"],
  ]);
  expect(await sums(second.report)).toEqual([
    ["Kiel", "18"],
    [null, null],
  ]);
  const out = join(night.directory, "export");
  await exportPeriod(night.at("2026-11-13T02:00:00Z"), { from: "2026-01-01", to: "2026-12-31" }, out);
  expect(await sums(out)).toEqual([
    ["Bonn", "20"],
    ["Kiel", "38"],
    ["Ulm", "210"],
    [null, null],
  ]);
});
