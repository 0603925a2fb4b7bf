import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { showText } from "#cli/show-text.ts";
import type { Store } from "#context.ts";
import { inTransaction, withStoreSession } from "#execute/store-session.ts";
import { publishExports } from "#export/publish-exports.ts";
import { writeExports } from "#export/write-exports.ts";
import { currentShape } from "#forecast.ts";
import { showRequest } from "#intake/show.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { createScopeTables, deriveScopes } from "#scope/derive.ts";
import { decrypt, makePerson, readExport, type ExportLines, type Person } from "#test/export/read-export.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const dpo = await makePerson();
const open = async (options: NightOptions, ...people: readonly Person[]): Promise<void> => {
  night = await openNight({ recipients: [dpo, ...people].map(({ recipient }) => recipient), ...options });
};
const fileOf = (ref: string): string => join(night.directory, "exports", `${ref}.shop.jsonl.age`);
const exportOf = (ref: string, person = dpo): Promise<ExportLines> => readExport(fileOf(ref), person);
const ledger = (kind: string) =>
  night.state.query<{ request: string; body: Record<string, unknown> }>(
    `select request_ref as request, body::jsonb - 'at' - 'run' as body from lethe.ledger_entry where kind = $1 order by index`,
    [kind],
  );

const shop = `
  create table addresses (id int primary key, street text);
  create table customers (id int primary key, email text, home_id int references addresses);
  create table orders (id int primary key, customer_id int references customers, ship_to int references addresses);
  insert into addresses values (1, 'Own Street'), (2, 'Shared Street'), (3, 'Live Street'), (4, 'Both Street');
  insert into customers values (1, 'ann@shop.example', 1), (2, 'bob@shop.example', 4), (3, 'cem@shop.example', 3);
  insert into orders values (11, 1, 1), (12, 1, 2), (13, 1, 4), (21, 2, 4), (31, 3, 2)`;
const tables = `
customers: { treatment: anonymise, columns: { email: { set: null }, home_id: { set: null } } }
orders: { treatment: erase }
addresses: { treatment: erase }`;

test("every subject's rows are in its own file and nobody else's", async () => {
  await open({ schema: shop, tables });
  const [ann = "", bob = ""] = await night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });
  const digest = night.context.stores[0]?.policy.digest;
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 2 } });
  expect((await readdir(join(night.directory, "exports"))).toSorted()).toEqual(
    [`${ann}.shop.jsonl.age`, `${bob}.shop.jsonl.age`].toSorted(),
  );
  expect(await exportOf(ann)).toEqual({
    first: {
      tool: "lethe",
      version: "0.1.0",
      request: ann,
      store: "shop",
      at: expect.stringMatching(/^2026-11-02T02:0\d:\d\d\.\d{3}Z$/),
      policy: digest,
      tables: { customers: 1, orders: 3, addresses: 2 },
    },
    rows: [
      { table: "addresses", row: { id: 1, street: "Own Street" } },
      // Of both who are forgotten: it is the place of each of them.
      { table: "addresses", row: { id: 4, street: "Both Street" } },
      { table: "customers", row: { id: 1, email: "ann@shop.example", home_id: 1 } },
      { table: "orders", row: { id: 11, customer_id: 1, ship_to: 1 } },
      { table: "orders", row: { id: 12, customer_id: 1, ship_to: 2 } },
      { table: "orders", row: { id: 13, customer_id: 1, ship_to: 4 } },
    ],
    last: { rows: 6 },
  });
  expect((await exportOf(bob)).rows).toEqual([
    { table: "addresses", row: { id: 4, street: "Both Street" } },
    { table: "customers", row: { id: 2, email: "bob@shop.example", home_id: 4 } },
    { table: "orders", row: { id: 21, customer_id: 2, ship_to: 4 } },
  ]);
});

test("a spared row of a living person is not in it", async () => {
  await open({ schema: shop, tables });
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  await night.nightly();
  expect(await night.store.query("select id from addresses order by id")).toEqual([{ id: 2 }, { id: 3 }, { id: 4 }]);
  const { first, rows } = await exportOf(ann);
  expect(first["tables"]).toEqual({ customers: 1, orders: 3, addresses: 1 });
  expect(rows.filter(({ table }) => table === "addresses")).toEqual([
    { table: "addresses", row: { id: 1, street: "Own Street" } },
  ]);
});

test("an export is on record as it is on the disk, for this user alone, and shown with its request", async () => {
  const auditor = await makePerson();
  await open({ schema: shop, tables }, auditor);
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  await night.nightly();
  const file = await readFile(fileOf(ann));
  const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
  expect([await mode(fileOf(ann)), await mode(join(night.directory, "exports"))]).toEqual(["600", "700"]);
  const described = { store: "shop", sha256: sha256Hex(file), bytes: file.length, rows: 5 };
  const recipients = [dpo, auditor].map(({ recipient }) => sha256Hex(recipient)).toSorted();
  const view = await showRequest(night.context, ann);
  const name = `${ann}.shop.jsonl.age`;
  expect(view.exports).toEqual([
    { ...described, file: name, recipients, at: expect.stringMatching(/^2026-11-02T02:/) },
  ]);
  expect(showText(view)).toContain(`exported       ${name}, 5 rows, 2026-11-02T02:`);
  expect(showText(view)).toContain(`sha256         ${described.sha256}`);
  expect(await ledger("request.exported")).toEqual([
    { request: ann, body: { kind: "request.exported", request: ann, ...described } },
  ]);
  // Either of them reads it, and nobody else.
  expect(await exportOf(ann, auditor)).toEqual(await exportOf(ann));
  await expect(exportOf(ann, await makePerson())).rejects.toThrow();
});

test("rows come out as they are: numbers in full, bytes, JSON with line breaks, tables without a key", async () => {
  await open({
    schema: `create table customers (id bigint primary key, email text);
      create table notes (customer_id bigint references customers, t text, amount numeric, raw bytea, doc json, tags text[], at timestamptz);
      insert into customers values (9007199254740993, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into notes values (9007199254740993, E'two\\nlines \\u2028 "quoted"', 12345678901234567890.10, '\\x00ff', E'{\\n "a":\\r\\n 1}', '{x,NULL}', '2026-01-02T03:04:05.678901+02'),
        (9007199254740993, null, 'NaN', null, null, null, null), (2, 'of bob', null, null, null, null, null)`,
    subject: "{ table: customers, key: id, identifiers: { email: email } }",
    tables: "customers: { treatment: erase }\nnotes: { treatment: erase }",
  });
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  const { rows, last } = await exportOf(ann);
  expect(last).toEqual({ rows: 3 });
  expect(rows).toMatchObject([
    { table: "customers" },
    {
      row: {
        t: 'two\nlines \u2028 "quoted"',
        raw: "\\x00ff",
        doc: { a: 1 },
        tags: ["x", null],
        at: "2026-01-02T01:04:05.678901+00:00",
      },
    },
    { row: { t: null, amount: "NaN", doc: null } },
  ]);
  // JavaScript's numbers are shorter than the text.
  const text = await decrypt(fileOf(ann), dpo);
  expect(text).toContain('"amount":12345678901234567890.10,');
  expect(text).toContain('{"id":9007199254740993,');
  expect(text.split("\n")).toHaveLength(6);
});

test("an export of many blocks is whole, and cut off it is refused", async () => {
  await open({
    schema: `create table customers (id int primary key, email text);
      create table visits (id int primary key, customer_id int references customers, page text);
      insert into customers values (1, 'ann@shop.example');
      insert into visits select n, 1, repeat('/page-' || n, 20) from generate_series(1, 5000) n`,
    tables: "customers: { treatment: erase }\nvisits: { treatment: erase }",
  });
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  await night.nightly();
  const { rows, last } = await exportOf(ann);
  expect(last).toEqual({ rows: 5001 });
  const ids = rows.flatMap(({ table, row }) => (table === "visits" ? [(row as { id: number }).id] : []));
  expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 5000 }, (_, n) => n + 1));
  const whole = await readFile(fileOf(ann));
  expect(whole.length).toBeGreaterThan(10 * 65_536);
  // Anywhere, and between two blocks of age, which are 65,552 bytes each after a header that ends with a line of its own and a nonce.
  const header = whole.indexOf("\n", whole.indexOf("\n---") + 1) + 1 + 16;
  for (const length of [whole.length - 1, header + 65_552 * 3, header]) {
    const cut = join(night.directory, `cut-${length}.age`);
    await writeFile(cut, whole.subarray(0, length));
    await expect(decrypt(cut, dpo)).rejects.toThrow();
  }
});

test("whoever fails has no export before they are erased, and nothing of one lies about", async () => {
  await open({
    schema: `${shop};
      create function refuse() returns trigger language plpgsql as $$ begin
        if old.id = 2 then raise exception using errcode = '23514', constraint = 'four_eyes', table = 'customers'; end if;
        return new; end $$;
      create trigger refuse before update on customers for each row execute function refuse()`,
    tables,
  });
  const people = ["ann", "bob", "cem"].map((name) => ({ email: `${name}@shop.example` }));
  const [, bob = ""] = await night.ask(...people);
  expect(await night.nightly()).toMatchObject({ requests: { done: 2, failed: 1 } });
  const recorded = () =>
    night.state.query<{ ref: string; sha256: string; rows: number }>(
      "select ref, sha256, x.rows from lethe.export x join lethe.request r on r.id = x.request_id order by r.id",
    );
  const first = await recorded();
  expect(first).toHaveLength(2);
  expect(await readdir(dirname(fileOf(bob)))).toHaveLength(2);
  for (const { ref, sha256, rows } of first) {
    expect(sha256Hex(await readFile(fileOf(ref)))).toBe(sha256);
    expect((await exportOf(ref)).last).toEqual({ rows });
  }
  await night.store.query("alter table customers disable trigger refuse");
  await night.approve(bob);
  expect(await night.nightly()).toMatchObject({ requests: { done: 3, failed: 0 } });
  const second = await recorded();
  expect(second.filter(({ ref }) => ref !== bob)).toEqual(first);
  expect(sha256Hex(await readFile(fileOf(bob)))).toBe(second.find(({ ref }) => ref === bob)?.sha256);
  expect((await ledger("request.exported")).filter(({ request }) => request === bob)).toHaveLength(1);
});

test("without recipients nobody is exported and no directory is made", async () => {
  night = await openNight({ schema: shop, tables });
  await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await readdir(night.directory)).not.toContain("exports");
  expect(await ledger("request.exported")).toEqual([]);
});

test("a person who is blocked is not exported", async () => {
  await open({
    schema: shop,
    tables,
    blockers: "- { code: ORDER_OPEN, when: { table: orders, id: 21 }, then: block }",
  });
  const [ann = ""] = await night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });
  expect(await night.nightly()).toMatchObject({ requests: { done: 1, blocked: 1 } });
  expect(await readdir(join(night.directory, "exports"))).toEqual([`${ann}.shop.jsonl.age`]);
});

test("a run that another one has overtaken takes nothing off the record and changes no file", async () => {
  await open({ schema: shop, tables });
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  const { context } = night;
  const [store] = context.stores as [Store];
  const [asked] = await night.state.query<{ id: number }>("select id from lethe.request");
  // It has finished its exports and lost the store's lock when the other one begins.
  const sleepy = await withStoreSession(store, async (session) => {
    const { shape } = await currentShape(session);
    await createScopeTables(session.db, shape);
    return inTransaction(session, "read-write", async () => {
      await deriveScopes(session.client, session.db, shape, [
        { request: asked?.id ?? 0, ref: ann, key: "1", pattern: null },
      ]);
      return writeExports(context, session, shape);
    });
  });
  expect(sleepy?.exports).toMatchObject([{ ref: ann, rows: 5 }]);
  await night.erase();
  const recorded = () => night.state.query("select sha256, bytes, rows from lethe.export");
  const before = await recorded();
  const run = { id: "20261102T020000Z-AAAAAA", job: "erase", startedAt: context.clock.now() };
  await expect(publishExports(context, run, sleepy)).rejects.toMatchObject({ code: "RUN_STOPPED" });
  expect(await recorded()).toEqual(before);
  expect(before).toMatchObject([{ sha256: sha256Hex(await readFile(fileOf(ann))) }]);
});
