import { setTimeout as sleep } from "node:timers/promises";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { RunSummary } from "#records/run.ts";
import type { ReportDocument } from "#report/report-document.ts";
import { releaseHolds } from "#holds/release.ts";
import { holdRows, type RowRange } from "#holds/rows.ts";
import { planText } from "#cli/plan-text.ts";
import { forecast } from "#forecast.ts";
import { withdrawRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { withClient } from "#db/pool.ts";
import { makePerson } from "#test/export/read-export.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";
import type { TestDatabase } from "#test/support/database.ts";

const untilWaiting = async ({ query }: TestDatabase): Promise<void> => {
  const waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  while ((await query(waits)).length === 0) await sleep(20);
};

let night: Night;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text);
  create table addresses (id int primary key, customer_id int references customers, street text);
  create table invoices (id int primary key, customer_id int references customers, issued_on date, buyer text);
  create table parcels (id int primary key, invoice_id int not null references invoices, address text);
  create table events (id int primary key, customer_id int references customers, at timestamptz, url text);
  insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
  insert into addresses values (1, 1, 'Ann Street'), (2, 2, 'Bob Street');
  insert into invoices values (1, 1, '2025-12-31', 'Ann'), (2, 1, '2026-01-01', 'Ann'), (3, 2, '2025-06-30', 'Bob'), (4, 1, '2026-04-01', 'Ann');
  insert into parcels values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 4, 'd');
  insert into events values (1, 1, '2026-02-01', '/a'), (2, 2, '2026-02-01', '/b')`;
const tables = `customers: { treatment: anonymise, columns: { email: { set: null } } }
addresses: { treatment: erase }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, buyer: { set: null } } }
parcels: { treatment: erase }
events: { treatment: anonymise, columns: { customer_id: keep, at: keep, url: { set: null } } }`;

const open = async (options: Partial<NightOptions> = {}): Promise<void> => {
  night = await openNight({ schema, tables, now: "2026-11-02T02:00:00Z", ...options });
};
const hold = (range: Partial<RowRange> = {}, matter = "AZ-7") =>
  holdRows(
    night.context,
    { by: "counsel", matter, reason: "litigation" },
    { store: "shop", table: "invoices", clock: undefined, from: "2026-01-01", to: "2026-03-31", ...range },
  );
const values = async (query: string): Promise<readonly unknown[]> =>
  (await night.store.query<{ v: unknown }>(query)).map(({ v }) => v);
const everything = async () => ({
  emails: await values("select email v from customers order by id"),
  streets: await values("select street v from addresses order by id"),
  buyers: await values("select buyer v from invoices order by id"),
  parcels: await values("select id v from parcels order by id"),
  urls: await values("select url v from events order by id"),
});
const reportOf = async ({ report }: RunSummary): Promise<ReportDocument> =>
  JSON.parse(await readFile(join(report ?? "", "report.json"), "utf8")) as ReportDocument;
const ask = () => night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });

test("stops what it covers and what that refers to, and nothing else; the rest goes by itself once it is released", async () => {
  await open();
  const [ann = "", bob = ""] = await ask();
  expect(await hold()).toMatchObject({ matter: "AZ-7", rows: 1 });
  const first = await night.nightly();
  // Ann's invoice of January 2026 is needed, and whose it is: her own row. All else of hers goes, as does Bob.
  expect(await everything()).toEqual({
    emails: ["ann@shop.example", null],
    streets: [],
    buyers: [null, "Ann", null, null],
    parcels: [],
    urls: [null, null],
  });
  expect(await night.requests(ann, bob)).toMatchObject([
    { state: "blocked", code: "LEGAL_HOLD", detail: { store: "shop", table: "invoices", rows: 1, matter: "AZ-7" } },
    { state: "completed" },
  ]);
  expect(first.requests).toMatchObject({ done: 1, pending: 1, blocked: 1, failed: 0 });
  const report = await reportOf(first);
  expect(report.holds).toMatchObject([{ matter: "AZ-7", kind: "rows", table: "invoices", released: null, waiting: 1 }]);
  expect(report.blocks).toMatchObject([{ ref: ann, code: "LEGAL_HOLD", detail: { matter: "AZ-7" } }]);
  expect(first.outcome).toBe("done");

  // Another night changes nothing, and counts nothing twice.
  expect((await night.nightly()).steps).toEqual([]);
  await expect(withdrawRequest(night.context, ann, { by: "dpo" })).rejects.toMatchObject({ code: "REQUEST_STATE" });

  await releaseHolds(night.context, { matter: "AZ-7" }, { by: "counsel" });
  const last = await night.nightly();
  expect(await everything()).toEqual({
    emails: [null, null],
    streets: [],
    buyers: [null, null, null, null],
    parcels: [],
    urls: [null, null],
  });
  expect(await night.requests(ann)).toMatchObject([{ state: "completed", code: null }]);
  expect((await reportOf(last)).holds).toMatchObject([{ matter: "AZ-7", released: expect.any(String), waiting: 0 }]);
  expect(last.steps.map(({ table, treatment, rows }) => `${treatment} ${table} ${rows}`)).toEqual([
    "anonymise customers 1",
    "retain invoices 1",
  ]);
  const totals = await night.state.query(
    `select d.table_name, sum(d.rows)::int as rows from lethe.disposition d join lethe.request r on r.id = d.request_id
     where r.ref = $1 group by 1 order by 1`,
    [ann],
  );
  expect(totals).toEqual([
    { table_name: "addresses", rows: 1 },
    { table_name: "customers", rows: 1 },
    { table_name: "events", rows: 1 },
    { table_name: "invoices", rows: 3 },
    { table_name: "parcels", rows: 3 },
  ]);
});

test("what a held row refers to stays as well, and a row without a date may be of any day", async () => {
  await open();
  await night.store.query("update invoices set issued_on = null where id = 4");
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  await hold({ table: "parcels", from: undefined, to: undefined });
  await night.nightly();
  expect(await everything()).toMatchObject({
    emails: ["ann@shop.example", "bob@shop.example"],
    streets: ["Bob Street"],
    buyers: ["Ann", "Ann", "Bob", "Ann"],
    parcels: [1, 2, 3, 4],
    urls: [null, "/b"],
  });
  await releaseHolds(night.context, { matter: "AZ-7" }, { by: "counsel" });
  await hold({}, "AZ-8");
  await night.nightly();
  expect((await everything()).buyers).toEqual([null, "Ann", "Bob", "Ann"]);
  expect(await night.requests(ann)).toMatchObject([{ code: "LEGAL_HOLD", detail: { rows: 2, matter: "AZ-8" } }]);
});

test("wins at the next commit when it is placed between two batches of one night", async () => {
  await open({ store: { batch: 1 } });
  const [bob = "", ann = ""] = await night.ask({ email: "bob@shop.example" }, { email: "ann@shop.example" });
  // The first batch is done; the second has changed rows, and waits for Ann's until the hold is placed: what it changed is undone.
  await withClient(night.store.pool, async (client) => {
    await client.query("begin");
    await client.query("select from customers where id = 1 for update");
    const done = night.erase();
    await untilWaiting(night.store);
    await hold({ from: undefined, to: undefined });
    await client.query("commit");
    await done;
  });
  expect(await night.requests(bob, ann)).toMatchObject([
    { state: "erasing" },
    { state: "blocked", code: "LEGAL_HOLD" },
  ]);
  expect((await everything()).buyers).toEqual(["Ann", "Ann", null, "Ann"]);
});

test("a batch whose plan is about to be saved is planned again under a hold that is placed at that moment", async () => {
  await open();
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  await withClient(night.state.pool, async (client) => {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock(hashtextextended('lethe.hold', 0))");
    const done = night.erase();
    await untilWaiting(night.state);
    await client.query(`insert into lethe.hold (ref, matter, reason, kind, store, table_name, clock, from_on, placed_by, placed_at)
      values ('H-0000-0000-0001', 'AZ-9', 'claim', 'rows', 'shop', 'invoices', 'issued_on', '2026-01-01', 'counsel', now())`);
    await client.query("commit");
    await done;
  });
  expect((await everything()).buyers).toEqual([null, "Ann", "Bob", "Ann"]);
  expect(await night.requests(ann)).toMatchObject([{ code: "LEGAL_HOLD", detail: { rows: 2, matter: "AZ-9" } }]);
});

test("what triggers copy into a held table is held with it, until the hold is over", async () => {
  await open({
    schema: `${schema};
      create table audit_log (id int generated always as identity primary key, customer_id int, said text);
      insert into audit_log (customer_id, said) values (1, 'an old url');
      create function remember() returns trigger language plpgsql as $$ begin
        insert into audit_log (customer_id, said) values (old.customer_id, old.url); return null; end $$;
      create trigger remember after update on events for each row execute function remember()`,
    tables: `${tables}\naudit_log: { treatment: anonymise, columns: { customer_id: keep, said: { set: null } } }`,
    sections: "links: [audit_log.customer_id -> customers.id]",
  });
  await night.ask({ email: "ann@shop.example" });
  await hold({ table: "audit_log", from: undefined, to: undefined });
  await night.nightly();
  expect((await everything()).urls).toEqual([null, "/b"]);
  expect(await values("select said v from audit_log order by id")).toEqual(["an old url", "/a"]);
  await releaseHolds(night.context, { matter: "AZ-7" }, { by: "counsel" });
  await night.nightly();
  expect(new Set(await values("select said v from audit_log"))).toEqual(new Set([null]));
});

test("a plan tells which rows wait, for which matter", async () => {
  await open();
  const { ref } = await addRequest(night.context, { email: "ann@shop.example" });
  await hold();
  const [plan] = await forecast(night.context, [{ id: 1, ref }]);
  expect(plan?.held).toEqual([{ request: ref, table: "invoices", rows: 1, matters: ["AZ-7"] }]);
  expect(planText(plan === undefined ? [] : [plan], 1)).toContain(`${ref}  AZ-7  1 in invoices`);
});

test("with an encrypted copy first, which is one file, nothing of the person goes before all can", async () => {
  const dpo = await makePerson();
  await open({ recipients: [dpo.recipient] });
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  await hold();
  await night.nightly();
  expect((await everything()).streets).toEqual(["Ann Street", "Bob Street"]);
  expect(await night.requests(ann)).toMatchObject([{ code: "LEGAL_HOLD" }]);
});

test("whose deletion needs a remedy waits as a whole", async () => {
  await open({
    blockers: `- code: OPEN_BASKET
  when: { table: events, url: [/b] }
  then: { set: { url: /c } }`,
  });
  const [ann = "", bob = ""] = await ask();
  await hold({ from: "2025-06-30", to: "2025-06-30" });
  await night.nightly();
  expect(await everything()).toMatchObject({
    streets: ["Bob Street"],
    buyers: [null, null, "Bob", null],
    urls: [null, "/b"],
  });
  expect(await night.requests(ann, bob)).toMatchObject([
    { state: "completed" },
    { code: "LEGAL_HOLD", detail: { rows: 1 } },
  ]);
});

test("who is only marked waits as a whole", async () => {
  await open({
    schema: `${schema}; alter table customers add status text not null default 'active'`,
    sections: "deletion: { mode: soft, set: { status: inactive } }",
    tables: tables
      .replace(
        "customers: { treatment: anonymise, columns: { email: { set: null } } }",
        "customers: { treatment: keep, reason: history, personal: [email] }",
      )
      .replace("addresses: { treatment: erase }", "addresses: { treatment: keep, reason: history, personal: [street] }")
      .replace("parcels: { treatment: erase }", "parcels: { treatment: keep, reason: history }")
      .replace(/invoices: .*/, "invoices: { treatment: keep, reason: history, personal: [buyer] }")
      .replace(/events: .*/, "events: { treatment: keep, reason: history, personal: [url] }"),
  });
  const [, bob = ""] = await ask();
  await hold({ clock: "issued_on", from: "2025-06-30", to: "2025-06-30" });
  await night.nightly();
  expect(await values("select status v from customers order by id")).toEqual(["inactive", "active"]);
  expect(await night.requests(bob)).toMatchObject([{ code: "LEGAL_HOLD" }]);
});

test("a table that the store has no more stops the store: nobody can tell what the hold protects", async () => {
  await open({ schema: `${schema}; create table notes (id int primary key, text text)` });
  await ask();
  const { ref } = await hold({ table: "notes", from: undefined, to: undefined });
  await night.store.query("alter table notes rename to remarks");
  await expect(night.nightly()).rejects.toMatchObject({
    code: "HOLD_UNREADABLE",
    message: expect.stringContaining(ref),
  });
  expect((await everything()).streets).toEqual(["Ann Street", "Bob Street"]);
  await releaseHolds(night.context, { hold: ref.toLowerCase() }, { by: "counsel" });
  await night.nightly();
  expect((await everything()).streets).toEqual([]);
});

test.each<[string, Partial<RowRange> & { matter?: string; until?: string }]>([
  ["there is no such store", { store: "shopp" }],
  ["no table invoicez; did you mean invoices?", { table: "invoicez" }],
  ["no column issued", { clock: "issued" }],
  ["invoices.buyer is text", { clock: "buyer" }],
  ["ends before it begins", { from: "2026-02-01", to: "2026-01-01" }],
  ["--from is no ISO date", { from: "2026-02-30" }],
  ["the policy names no clock of addresses", { table: "addresses" }],
  ["not a file reference", { matter: "Ada Lovelace v. Shop" }],
  ["over already", { until: "2026-11-01" }],
])("refuses what makes no sense, and says why: %s", async (message, { matter = "AZ-7", until, ...range }) => {
  await open();
  const placing = { by: "counsel", matter, reason: "claim", until } as const;
  const rows = { store: "shop", table: "invoices", clock: undefined, from: "2026-01-01", to: undefined, ...range };
  await expect(holdRows(night.context, placing, rows)).rejects.toMatchObject({
    code: "HOLD_INVALID",
    message: expect.stringContaining(message),
  });
  expect(await night.state.query("select from lethe.hold")).toEqual([]);
});
