import { afterEach, expect, test } from "vitest";
import type { Context } from "#context.ts";
import { contextFor, type OpenContext } from "#open-context.ts";
import { erase, verifyErased } from "#pipeline.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
let second: OpenContext | undefined;
afterEach(async () => {
  await second?.[Symbol.asyncDispose]();
  await night.dispose();
});

const schema = `
  create table customers (id int primary key, email text unique, name text);
  insert into customers select n, 'p' || n || '@shop.example', 'P' || n from generate_series(1, 200) n;
  create table orders (id int primary key, customer_id int not null references customers, note text);
  insert into orders select n, (n + 1) / 2, 'x' from generate_series(1, 400) n`;
const tables =
  "customers: { treatment: anonymise, columns: { email: { unique: 'e-{random}@invalid' }, name: { set: null } } }\norders: { treatment: erase }";

const beginRun = async (ctx: Context, id: string) => {
  const startedAt = ctx.clock.now();
  await night.state.query("insert into lethe.run (id, job, started_at, ledger_from) values ($1, 'erase', $2, 0)", [
    id,
    startedAt.toString(),
  ]);
  return { id, job: "erase", startedAt };
};

test("two runners at once on the same requests do each of them once", async () => {
  night = await openNight({ schema, tables, store: { batch: 16 } });
  second = await contextFor(night.context.config, night.context);
  await night.ask(...Array.from({ length: 200 }, (_, n) => ({ email: `p${n + 1}@shop.example` })));
  const runs = [await beginRun(night.context, "run-a"), await beginRun(second, "run-b")] as const;
  const contexts = [night.context, second];
  await Promise.all(
    contexts.map(async (ctx, index) => {
      await erase(ctx, runs[index] ?? runs[0]);
      await verifyErased(ctx, runs[index] ?? runs[0]);
    }),
  );
  expect(await night.state.query("select state, code, count(*) from lethe.request group by 1, 2")).toEqual([
    { state: "erased", code: null, count: 200 },
  ]);
  expect(await night.store.query("select count(*), count(distinct ref) as refs from lethe.journal_request")).toEqual([
    { count: 200, refs: 200 },
  ]);
  expect(
    await night.state.query(
      "select treatment, table_name, count(*), sum(rows)::int from lethe.disposition group by 1, 2 order by 2",
    ),
  ).toEqual([
    { treatment: "anonymise", table_name: "customers", count: 200, sum: 200 },
    { treatment: "erase", table_name: "orders", count: 200, sum: 400 },
  ]);
  expect(
    await night.state.query(
      "select kind, count(*) from lethe.ledger_entry where kind in ('request.erasing', 'request.erased', 'request.failed') group by 1 order by 1",
    ),
  ).toEqual([
    { kind: "request.erased", count: 200 },
    { kind: "request.erasing", count: 200 },
  ]);
  expect(await night.state.query("select distinct state from lethe.batch")).toEqual([{ state: "committed" }]);
  expect(await night.store.query("select count(*) from orders")).toEqual([{ count: 0 }]);
});

test("what another runner committed while we had given it up is recorded, not done again and not called a failure", async () => {
  night = await openNight({ schema, tables });
  const [ref] = await night.ask({ email: "p1@shop.example" }, { email: "p2@shop.example" });
  await night.erase();
  // As after a runner that froze, was taken for dead, and committed: everything but the journal says it never happened.
  await night.state.query("delete from lethe.disposition where request_id = 1");
  await night.state.query("update lethe.batch set state = 'abandoned'");
  await night.state.query("update lethe.subject set state = 'located', batch_id = null");
  await night.state.query("delete from lethe.disposition");
  await night.store.query("update customers set email = 'p' || id || '@shop.example' where id < 3");
  await night.erase();
  expect(await night.requests()).toMatchObject([
    { ref, state: "erasing", code: null },
    { state: "erasing", code: null },
  ]);
  expect(await night.state.query("select distinct state from lethe.subject")).toEqual([{ state: "executed" }]);
  expect(await night.dispositions(ref ?? "")).toEqual(["anonymise customers 1 0", "erase orders 2 0"]);
});

test("a runner that is told to stop while another one works on the store waits no longer", async () => {
  night = await openNight({ schema, tables });
  await night.ask({ email: "p1@shop.example" });
  const other = await night.store.pool.raw.connect();
  try {
    await other.query("select pg_advisory_lock($1)", [0x6c6574686573]);
    const run = await beginRun(night.context, "run-a");
    const waiting = erase(night.context, run);
    night.abort();
    await waiting;
    expect(await night.requests()).toMatchObject([{ state: "approved" }]);
  } finally {
    other.release(true);
  }
});
