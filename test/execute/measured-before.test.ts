import { afterEach, expect, test } from "vitest";
import { currentShape } from "#forecast.ts";
import { assureJournal, withStoreSession } from "#execute/store-session.ts";
import { measureBefore } from "#night/measure-before.ts";
import type { Store } from "#context.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `
  create table customers (id int primary key, email text unique);
  create table visits (id int generated always as identity primary key, customer_id int references customers, city text, seconds int);
  insert into visits (city, seconds) select 'c' || n % 5000, n from generate_series(1, 50000) n;`;
const tables = `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  quasi: [city]
  k: 3
  sensitive: [seconds]
  t: 0.9
  columns: { customer_id: { set: null }, city: keep, seconds: keep }`;

const runOf = async (id: string, startedAt: string) => {
  await night.state.query("insert into lethe.run (id, job, started_at, ledger_from) values ($1, 'erase', $2, 0)", [
    id,
    startedAt,
  ]);
  return { id, job: "erase", startedAt: night.context.clock.now() };
};
const measureIn = async (id: string, startedAt: string, config: Partial<Store["config"]> = {}) => {
  const [store] = night.context.stores;
  if (store === undefined) throw new TypeError("the shop is a store");
  const run = await runOf(id, startedAt);
  await assureJournal(store);
  await withStoreSession({ ...store, config: { ...store.config, ...config } }, async (session) => {
    const { catalog } = await withStoreSession(store, currentShape);
    await measureBefore({ ctx: night.context, run, session, catalog });
  });
};
const before = () =>
  night.state.query(
    "select run_id as run, (measures ->> 'rows')::int as rows, missed, measured_in as measured from lethe.anonymity_before order by 1",
  );

test("a measure that takes longer than the store allows stops nobody: there is none, and why", async () => {
  night = await openNight({ schema, tables });
  await measureIn("r1", "2026-11-02T02:00:00Z", { statementTimeoutMs: 1 });
  expect(await before()).toEqual([{ run: "r1", rows: null, missed: "timeout", measured: null }]);
  expect(night.logged()).toContain("not measured before the night");
});

test("of a run that died with its work half done the measure is taken over, for what it changed is between the two", async () => {
  night = await openNight({ schema, tables });
  await measureIn("r1", "2026-11-02T02:00:00Z");
  await night.state.query(`
    insert into lethe.plan (hash, shape, store, run_id, frozen_at, body) values ('h', 's', 'shop', 'r1', now(), '{}');
    insert into lethe.batch (id, run_id, store, plan_hash, state, requests) values (gen_random_uuid(), 'r1', 'shop', 'h', 'committed', 1);`);
  await night.store.query("delete from visits where id > 49000");
  await measureIn("r2", "2026-11-02T03:00:00Z");
  expect(await before()).toMatchObject([
    { run: "r1", rows: 50_000 },
    { run: "r2", rows: 50_000, measured: "r1" },
  ]);
  // Once it was measured after a change, the next night begins with what is there.
  await night.state.query(
    `insert into lethe.anonymity values ('r2', 'shop', 'visits', '[]', 3, 4, 1, 1, 0, '2026-11-02T03:10:00Z', '{}')`,
  );
  await measureIn("r3", "2026-11-03T02:00:00Z");
  expect(await before()).toMatchObject([{}, {}, { run: "r3", rows: 49_000, measured: null }]);
});
