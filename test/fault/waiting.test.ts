import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import type { FaultPoint } from "#lib/fault.ts";
import { generateKeys } from "#lib/keys.ts";
import { Children } from "#test/fault/children.ts";
import { approveReactivated, wholeNight, type NightOrder } from "#test/fault/night.ts";
import { stateDatabase } from "#test/support/context.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

const schema = `
  create table customers (id int primary key, email text unique, status text not null default 'active');
  create table orders (id int primary key, customer_id int not null references customers);
  insert into customers select n, 'person' || n || '@shop.example' from generate_series(1, 20) n;
  insert into orders select n, n from generate_series(1, 20) n`;

const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
deletion: { mode: soft-then-hard, set: { status: inactive }, refuse: [orders], grace: PT1H }
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: anonymise, columns: { email: { set: null }, status: keep } }
  orders: { treatment: erase }
`;

let children: Children;
beforeAll(() => {
  children = new Children(1);
});
afterAll(() => children[Symbol.asyncDispose]());

let state: TestDatabase;
let shop: TestDatabase;
let directory: string;
afterEach(async () => {
  await Promise.all([state.drop(), shop.drop(), rm(directory, { recursive: true, force: true })]);
});

/** Nights of one company at the given moments. */
const open = async (): Promise<(now: string) => NightOrder> => {
  [state, shop] = await Promise.all([stateDatabase(), createDatabase(schema)]);
  directory = await mkdtemp(join(tmpdir(), "lethe-waiting-"));
  await generateKeys(join(directory, "keys"));
  await writeFile(join(directory, "policy.yaml"), policy);
  const requests = join(directory, "requests.csv");
  const people = Array.from({ length: 10 }, (_, index) => `2026-10-28,person${index + 1}@shop.example\n`);
  await writeFile(requests, `received,email\n${people.join("")}`);
  const configFile = join(directory, "lethe.yaml");
  const config = {
    controller: { name: "Shop GmbH", country: "DE", region: "BE", dpo: "dpo@shop.example", time_zone: "Europe/Berlin" },
    state: { url: state.url },
    stores: { shop: { url: shop.url, policy: "policy.yaml", batch: 4 } },
    reports: { directory: "reports" },
  };
  await writeFile(configFile, stringify(config), { mode: 0o600 });
  return (now) => ({ configFile, requests, now });
};

const counts = async (): Promise<unknown> => ({
  states: await state.query("select state, code, count(*) as n from lethe.request group by 1, 2 order by 1"),
  customers: await shop.query(
    "select status, email is null as forgotten, count(*) as n from customers group by 1, 2 order by 1, 2",
  ),
  orders: (await shop.query("select from orders")).length,
});
const marked = {
  states: [{ state: "scheduled", code: null, n: 10 }],
  customers: [
    { status: "active", forgotten: false, n: 10 },
    { status: "inactive", forgotten: false, n: 10 },
  ],
  orders: 20,
};
const erased = {
  states: [{ state: "completed", code: null, n: 10 }],
  customers: [
    { status: "active", forgotten: false, n: 10 },
    { status: "inactive", forgotten: true, n: 10 },
  ],
  orders: 10,
};
const entries = async (kind: string): Promise<number> =>
  (await state.query("select distinct request_ref from lethe.ledger_entry where kind = $1", [kind])).length;
const twice = async (kind: string): Promise<number> =>
  (await state.query("select from lethe.ledger_entry where kind = $1 group by request_ref having count(*) > 1", [kind]))
    .length;

const faults: readonly FaultPoint[] = [
  "after-plan-frozen",
  "before-batch-commit",
  "after-batch-commit",
  "after-journal-collected",
];

test.each(faults)(
  "killed %s while subjects are marked, and again while they are erased: each is marked once, waits once and goes once",
  async (fault) => {
    const at = await open();
    expect(await children.night(at("2026-11-02T03:00:00Z"), { fault })).toMatchObject({ signal: "SIGKILL" });
    await wholeNight(at("2026-11-02T03:10:00Z"));
    expect(await counts()).toEqual(marked);
    expect([await entries("request.scheduled"), await twice("request.scheduled")]).toEqual([10, 0]);

    expect(await children.night(at("2026-11-02T05:00:00Z"), { fault })).toMatchObject({ signal: "SIGKILL" });
    await wholeNight(at("2026-11-02T05:10:00Z"));
    expect(await counts()).toEqual(erased);
    expect([await entries("request.erased"), await twice("request.erased")]).toEqual([10, 0]);
    expect(await shop.query("select stage, count(*) as n from lethe.journal_request group by 1 order by 1")).toEqual([
      { stage: "soft", n: 10 },
      { stage: "whole", n: 10 },
    ]);
  },
  60_000,
);

test.each<FaultPoint>(["after-reactivated-found", "after-reactivated-reopened", "after-reopened-unjournalled"])(
  "killed %s: requests of those who are active again are open, and done anew once they are approved",
  async (fault) => {
    const at = await open();
    await wholeNight(at("2026-11-02T03:00:00Z"));
    await shop.query("update customers set status = 'active' where id < 4");
    const order = at("2026-11-02T05:00:00Z");
    expect(await children.night(order, { fault })).toMatchObject({ signal: "SIGKILL" });
    await wholeNight({ ...order, now: "2026-11-02T05:10:00Z" });
    expect(await state.query("select state, code, count(*) as n from lethe.request group by 1, 2 order by 1")).toEqual([
      { state: "completed", code: null, n: 7 },
      { state: "verified", code: "REACTIVATED", n: 3 },
    ]);
    await approveReactivated({ ...order, now: "2026-11-02T05:15:00Z" });
    await wholeNight({ ...order, now: "2026-11-02T05:20:00Z" });
    await wholeNight({ ...order, now: "2026-11-02T06:30:00Z" });
    expect(await counts()).toEqual(erased);
  },
  60_000,
);
