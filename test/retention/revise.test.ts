import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { afterEach, expect, test } from "vitest";
import type { Context } from "#context.ts";
import { planForApproval } from "#forecast.ts";
import { approveAll } from "#intake/approve.ts";
import { addRequest } from "#intake/requests.ts";
import { showRequest } from "#intake/show.ts";
import { composeLetter } from "#letters/compose.ts";
import { readLanguage } from "#letters/language.ts";
import { loadPolicy } from "#policy/load.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text);
  create table invoices (id int primary key, customer_id int references customers, issued_on date, note text);
  insert into customers values (1, 'ada@example.org'), (2, 'ben@example.org');
  insert into invoices values (1, 1, '2015-03-04', 'a'), (2, 1, '2020-02-29', 'b'), (3, 2, '2021-12-31', 'c'), (4, 2, null, 'd')`;
const tables = `customers: { treatment: anonymise, columns: { email: { set: null } } }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, note: { stays: the books need it } } }`;

/** The night of a day, under the policy as it stands in the file and the law of that day. */
const on = async (day: string): Promise<Context> => {
  const context = night.at(`${day}T02:00:00Z`);
  const { controller } = context.config;
  const stores = context.stores.map(async (store) => ({
    ...store,
    policy: await loadPolicy(store.config.policy, { controller, on: Temporal.PlainDate.from(day) }),
  }));
  return { ...context, stores: await Promise.all(stores) };
};

const edit = async (from: string, to: string): Promise<void> => {
  const file = join(night.directory, "policy.yaml");
  await writeFile(file, (await readFile(file, "utf8")).replace(from, to));
};

const kept = () =>
  night.state.query(
    "select basis, until_first, until_last from lethe.disposition where treatment = 'retain' order by request_id",
  );
const stays = () => night.state.query("select until from lethe.stay order by request_id");
const revisions = async (): Promise<readonly unknown[]> =>
  (
    await night.state.query<{ body: string }>("select body from lethe.ledger_entry where kind = 'retention.revised'")
  ).map(({ body }) => JSON.parse(body) as unknown);

/** The report of the latest run. */
const reportOf = async ({ directory }: Night): Promise<{ report: unknown }> => {
  const bundles = (await readdir(join(directory, "reports"))).toSorted();
  return {
    report: JSON.parse(await readFile(join(directory, "reports", bundles.at(-1) ?? "", "report.json"), "utf8")),
  };
};

const own = "voucher: { basis: HGB §257, period: P8Y, anchor: end-of-calendar-year }";

test("a class that grows from eight to ten years takes along what is kept already, from the next night, and says so once", async () => {
  night = await openNight({ schema, tables, now: "2026-11-02T02:00:00Z" });
  const [ada = "", ben = ""] = await night.ask({ email: "ada@example.org" }, { email: "ben@example.org" });
  await night.nightly();
  expect(await kept()).toEqual([
    { basis: "HGB §257", until_first: "2024-01-01", until_last: "2029-01-01" },
    { basis: "HGB §257", until_first: "2030-01-01", until_last: "2030-01-01" },
  ]);
  await edit("period: P8Y", "period: P10Y");
  await night.nightly(await on("2026-11-03"));
  expect(await kept()).toEqual([
    { basis: "HGB §257", until_first: "2026-01-01", until_last: "2031-01-01" },
    { basis: "HGB §257", until_first: "2032-01-01", until_last: "2032-01-01" },
  ]);
  expect(await stays()).toEqual([{ until: "2031-01-01" }, { until: "2032-01-01" }]);
  const { report } = await reportOf(night);
  expect(report).toMatchObject({
    revisions: [{ table: "invoices", was: { period: "P8Y" }, is: { period: "P10Y" }, requests: 2 }],
  });
  await night.nightly(await on("2026-11-04"));
  expect((await reportOf(night)).report).toMatchObject({ revisions: [] });
  const rule = {
    class: "voucher",
    basis: "HGB §257",
    anchor: "end-of-calendar-year",
    yearBegins: "01-01",
    exception: "b",
  };
  expect(await revisions()).toMatchObject([
    { store: "shop", table: "invoices", was: { ...rule, period: "P8Y" }, is: { ...rule, period: "P10Y" }, requests: 2 },
  ]);
  expect((await showRequest(night.context, ada)).dispositions).toMatchObject([
    {},
    { table: "invoices", until: "2031-01-01" },
  ]);
  expect((await showRequest(night.context, ben)).stays).toMatchObject([{ column: "note", until: "2032-01-01" }]);
});

test("a class that rests on another exception takes along what is kept already: register, letter, report and ledger say so", async () => {
  night = await openNight({ schema, tables, now: "2026-11-02T02:00:00Z" });
  const [ref = ""] = await night.ask({ email: "ada@example.org" });
  await night.nightly();
  const exceptions = () => night.state.query("select exception from lethe.disposition order by table_name, request_id");
  expect(await exceptions()).toEqual([{ exception: null }, { exception: "b" }]);
  await edit("anchor: end-of-calendar-year }", "anchor: end-of-calendar-year, exception: e }");
  const after = await on("2026-11-03");
  await night.nightly(after);
  expect(await exceptions()).toEqual([{ exception: null }, { exception: "e" }]);
  expect(await revisions()).toMatchObject([{ was: { exception: "b" }, is: { exception: "e" }, requests: 1 }]);
  expect((await reportOf(night)).report).toMatchObject({ revisions: [{ is: { exception: "e" } }] });
  expect((await composeLetter(after, ref, "completion", await readLanguage("en"))).markdown).toContain(
    "(Art. 17(3)(e) GDPR)",
  );
});

test("a law that comes into force does the same: German vouchers on the first of January 2025", async () => {
  night = await openNight({ schema, tables, now: "2024-12-30T02:00:00Z" });
  await edit(own, "voucher: { law: voucher }");
  const before = await on("2024-12-31");
  await addRequest(before, { email: "ada@example.org" });
  await approveAll(before, { by: "dpo", planFor: planForApproval });
  await night.nightly(before);
  const [then] = await kept();
  expect(then).toMatchObject({ until_first: "2026-01-01", until_last: "2031-01-01" });
  await night.nightly(await on("2025-01-01"));
  expect(await kept()).toEqual([
    { basis: "HGB §257(1) no. 4, AO §147(1) no. 4", until_first: "2024-01-01", until_last: "2029-01-01" },
  ]);
  expect(await revisions()).toMatchObject([{ was: { period: "P10Y" }, is: { period: "P8Y" }, requests: 1 }]);
});
