import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { exportPeriod } from "#report/export-period.ts";
import { reportDocument, type ReportDocument } from "#report/report-document.ts";
import type { Night } from "#test/execute/night.ts";
import { openShop, people } from "#test/report/night-of-outcomes.ts";

let night: Night;
afterEach(() => night.dispose());

const reported = async (directory: string | null): Promise<ReportDocument> => {
  const path = directory ?? "";
  await verifyBundle(path, await readFile(night.keys.public, "utf8"));
  return reportDocument.parse(JSON.parse(await readFile(join(path, "report.json"), "utf8")));
};

const parcels = "the name is on parcels";
const vouchers = "vouchers name the buyer";

test("a night that leaves, remedies, counts and tells others says all of it, in a bundle that verifies", async () => {
  night = await openShop({ store: { batch: 2 } });
  const [first, ...refs] = await night.ask(...people(3));
  const summary = await night.nightly();
  const report = await reported(summary.report);
  expect(report.outcomes.requests).toMatchObject({ erased: 0, retained: 0, archived_with_pii: 3, failed: 0 });
  expect(report.outcomes.items.map(({ ref, left }) => [ref, left])).toEqual([
    [first, 2],
    [refs[0], 2],
    [refs[1], 1],
  ]);
  // The voucher without a name is of 2026: what stays of the person may go with that of 2024.
  expect(report.stays.items[0]).toEqual({
    ref: first,
    store: "shop",
    columns: [
      { table: "customers", column: "name", rows: 1, why: parcels, until: null },
      { table: "invoices", column: "billing_name", rows: 1, why: vouchers, until: "2033-01-01" },
    ],
  });
  expect(report.stays.places).toEqual([
    { store: "shop", table: "customers", column: "name", rows: 3, why: parcels, until: null, requests: 3 },
    {
      store: "shop",
      table: "invoices",
      column: "billing_name",
      rows: 2,
      why: vouchers,
      until: "2034-01-01",
      requests: 2,
    },
  ]);
  expect(report.retained).toMatchObject([{ table: "invoices", basis: "HGB §257", exception: "b" }]);
  const remedied = { store: "shop", code: "ACTIVE_SUBSCRIPTION", table: "subscriptions", action: "set" };
  expect(report.remedied.totals).toEqual([{ ...remedied, rows: 3, requests: 3 }]);
  expect(report.figures).toMatchObject([
    { figure: "Revenue", before: "37.50", after: "37.50", change: "0.00", equal: true },
    { figure: "Active subscriptions", before: "3", after: "0", change: "-3", meanwhile: "0", equal: false },
    { figure: "Score", before: "1.5", after: "0.9", change: "-0.6", equal: false },
  ]);
  expect(report.tasks).toMatchObject([{ recipient: "Gateway", task: "delete_payment_method", open: 3, done: 0 }]);
  expect(Object.keys(summary.requests)).toEqual(Object.keys(report.requests.counts));
  expect(summary).toMatchObject({
    outcomes: { erased: 0, archived_with_pii: 3, scheduled: 0, blocked: 0, failed: 0 },
    stays: { columns: 2, tables: 2 },
    figures: report.figures.map(({ figure, before, after, change, equal }) => ({
      figure,
      before,
      after,
      change,
      equal,
    })),
    tasks: { open: 3, done: 0, failed: 0 },
  });
});

test("a night of which somebody waits says so under outcomes, and what was declared a night before is that night's", async () => {
  const blockers = "- { code: ACTIVE_SUBSCRIPTION, when: { table: subscriptions, status: active }, then: block }";
  night = await openShop({ blockers });
  await night.ask(...people(4));
  expect((await night.nightly()).outcomes).toMatchObject({ archived_with_pii: 1, blocked: 3, scheduled: 0 });
  const summary = await night.nightly();
  expect(summary.outcomes).toMatchObject({ archived_with_pii: 0, blocked: 3 });
  const report = await reported(summary.report);
  expect(report.outcomes.items.map(({ store, outcome, codes }) => [store, outcome, ...codes])).toEqual(
    Array.from({ length: 3 }, () => ["shop", "blocked", "ACTIVE_SUBSCRIPTION"]),
  );
  expect(report.stays).toEqual({ places: [], items: [] });
});

test("the name under which a recipient knows a record is in Lethe's own table of tasks and nowhere else", async () => {
  night = await openShop();
  await night.ask(...people(2));
  const { report } = await night.nightly();
  const tasks = await night.state.query<{ reference: string }>("select reference from lethe.task order by reference");
  expect(tasks.map(({ reference }) => reference)).toEqual(["tok-canary-1", "tok-canary-2"]);
  const texts = [night.logged()];
  for (const name of await readdir(report ?? "")) texts.push(await readFile(join(report ?? "", name), "latin1"));
  for (const { body } of await night.state.query<{ body: string }>("select body from lethe.ledger_entry"))
    texts.push(body);
  for (const text of texts) expect(text).not.toContain("tok-canary");
  // Not even in a page of the store's journal.
  expect(await night.store.query("select pg_relation_size('lethe.journal_task') as bytes")).toEqual([{ bytes: 0 }]);
});

test("tasks that a crash left in the store's journal are forgotten by the next night", async () => {
  night = await openShop();
  await night.ask(...people(1));
  await night.nightly();
  await night.store.query(
    "insert into lethe.journal_task select id, 1, 'Gateway', 'delete_payment_method', 'tok-canary-9' from lethe.journal_batch",
  );
  await night.nightly();
  expect(await night.store.query("select from lethe.journal_task")).toEqual([]);
  expect(await night.state.query("select count(*) from lethe.task")).toEqual([{ count: 1 }]);
});

const wanted = `
figures:
  - { figure: Balance, table: entries, measure: sum(amount), equal: true }
  - { figure: Score, table: notes, measure: sum(score), equal: true }`;
const bookings = `
  create table customers (id int primary key, email text unique, name text, status text);
  insert into customers select n, 'p' || n || '@shop.example', 'P' || n, 'active' from generate_series(1, 3) n;
  create table entries (id int primary key, customer_id int not null references customers, amount numeric(10, 2) not null);
  insert into entries values (1, 1, 5.00), (2, 1, -5.00);
  create table notes (id int primary key, customer_id int not null references customers, body text, score float8 not null);
  insert into notes values (1, 1, 'a', 0.1), (2, 2, 'b', 1e15), (3, 3, 'c', -1e15);`;
const bookingRules = `
customers: { treatment: anonymise, columns: { email: { set: null }, name: { set: null }, status: keep } }
entries: { treatment: erase }
notes: { treatment: anonymise, columns: { customer_id: keep, body: { set: null }, score: keep } }`;

test("a figure that must stay equal is compared by value: no rows are 0.00, and rows that move sum up to the same", async () => {
  night = await openShop({ schema: bookings, sections: wanted, tables: bookingRules, blockers: "" });
  await night.ask(...people(1));
  const report = await reported((await night.nightly()).report);
  expect(report.figures).toMatchObject([
    { figure: "Balance", after: "0", equal: true },
    { figure: "Score", before: "0.1", after: "0.1", equal: true },
  ]);
  expect(report.outcomes.requests).toMatchObject({ anonymised: 1, failed: 0 });
});

test("a figure that must stay equal is not equal because one NaN makes each sum the same", async () => {
  night = await openShop({
    schema: `${bookings} insert into notes values (4, 3, 'd', 'NaN');
      create function adds() returns trigger language plpgsql as $$ begin new.score = new.score + 1000; return new; end $$;
      create trigger adds before update on notes for each row when (new.customer_id = 2) execute function adds();`,
    sections: wanted,
    tables: bookingRules,
    blockers: "",
  });
  await night.ask(...people(2));
  const report = await reported((await night.nightly()).report);
  expect(report.outcomes.items.map(({ codes }) => codes)).toEqual([[], ["FIGURE_CHANGED"]]);
  expect(report.figures).toMatchObject([
    { figure: "Balance" },
    { figure: "Score", before: "NaN", after: "NaN", equal: true },
  ]);
});

test("a figure that changes against the policy undoes the request, which the report calls failed", async () => {
  const sections = "figures:\n  - { figure: Revenue, table: invoices, measure: count, equal: true }";
  night = await openShop({ sections, tables: bookingRulesWithInvoices });
  const [ref = ""] = await night.ask(...people(2));
  const report = await reported((await night.nightly()).report);
  expect(report.outcomes.items.find((item) => item.ref === ref)).toMatchObject({
    store: "shop",
    outcome: "failed",
    codes: ["FIGURE_CHANGED"],
    left: null,
  });
  expect(report.figures).toEqual([]);
  expect(await night.store.query("select count(*) from invoices")).toEqual([{ count: 3 }]);
});

const bookingRulesWithInvoices = `
customers: { treatment: anonymise, columns: { email: { set: null }, name: { set: null }, status: keep } }
cards: { treatment: erase }
subscriptions: { treatment: keep, reason: history without a name }
invoices: { treatment: erase, decided: { by: dpo, on: 2026-01-01, why: rehearsal } }
notes: { treatment: erase }`;

const soft = {
  sections: "deletion: { mode: soft, set: { status: inactive } }",
  tables: `
customers: { treatment: keep, reason: the account can be reactivated, personal: [email, name] }
cards: { treatment: keep, reason: kept with the account, personal: [token] }
subscriptions: { treatment: keep, reason: history without a name }
invoices: { treatment: keep, reason: kept with the account, personal: [billing_name] }
notes: { treatment: keep, reason: kept with the account, personal: [body] }`,
};

test("who was deleted softly and is active again has not ended, in the report of the period that saw both", async () => {
  night = await openShop(soft);
  const [back = "", gone = ""] = await night.ask(...people(2));
  const first = await night.nightly();
  expect(first.outcomes).toMatchObject({ archived_with_pii: 2 });
  expect((await reported(first.report)).stays.items.map(({ ref, columns }) => [ref, columns.length])).toEqual([
    [back, 5],
    [gone, 5],
  ]);
  await night.store.query("update customers set status = 'active' where id = 1");
  const second = await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect(second.outcomes).toMatchObject({ archived_with_pii: 0 });
  expect((await reported(second.report)).outcomes.items).toEqual([]);
  const directory = join(night.directory, "audit");
  await exportPeriod(night.at("2026-11-04T02:00:00Z"), { from: "2026-11-01", to: "2026-11-30" }, directory);
  const period = await reported(directory);
  expect(period.outcomes.items.map(({ ref, outcome }) => [ref, outcome])).toEqual([[gone, "archived_with_pii"]]);
  expect(period.stays.items.map(({ ref }) => ref)).toEqual([gone]);
});
