import { afterEach, describe, expect, test } from "vitest";
import { insert, openMarked, people, refused, softThenHard } from "#test/execute/guarded.ts";
import type { Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test.each([
  ["switched off", "alter table orders disable trigger lethe_refuse"],
  [
    "asked before other triggers are",
    "create or replace trigger lethe_refuse before insert or update on orders for each row execute function",
  ],
  [
    "asked for some columns only",
    "create or replace trigger lethe_refuse after insert or update of total on orders for each row execute function",
  ],
  [
    "asked for some rows only",
    "create or replace trigger lethe_refuse after insert or update on orders for each row when (new.total > 100) execute function",
  ],
  [
    "asked for new rows only",
    "create or replace trigger lethe_refuse after insert on orders for each row execute function",
  ],
])("a guard that somebody has %s is armed again by the next night", async (_, statement) => {
  night = await openMarked();
  const guard = () =>
    night.store.query<{ call: string }>(
      "select tgfoid::regproc::text as call, tgtype, tgattr::text, tgqual, tgenabled from pg_trigger where tgname = 'lethe_refuse'",
    );
  const before = await guard();
  await night.store.query(statement.endsWith("function") ? `${statement} ${before[0]?.call}()` : statement);
  expect(await guard()).not.toEqual(before);
  await night.nightly();
  expect(await guard()).toEqual(before);
  await expect(night.store.query(insert(13))).rejects.toMatchObject(refused);
  await expect(night.store.query("update orders set customer_id = 1 where id = 21")).rejects.toMatchObject(refused);
});

test("the guard that has whoever marks a subject wait is armed again as well", async () => {
  night = await openMarked();
  const guard = () => night.store.query("select tgenabled, tgtype from pg_trigger where tgname = 'lethe_mark'");
  const before = await guard();
  await night.store.query("alter table customers disable trigger lethe_mark");
  expect(await guard()).not.toEqual(before);
  await night.nightly();
  expect(await guard()).toEqual(before);
});

test("triggers of others that bear our names are left alone, and the guards stand beside them", async () => {
  night = await openMarked({
    schema: `${softThenHard.schema}; create table letters (id int primary key, body text);
      create function stamp() returns trigger language plpgsql as $$ begin new.body := upper(new.body); return new; end $$;
      create trigger lethe_mark before insert on letters for each row execute function stamp();
      create function raise_total() returns trigger language plpgsql as $$ begin new.total := new.total + 1; return new; end $$;
      create trigger lethe_refuse before insert on orders for each row execute function raise_total()`,
    tables: `${softThenHard.tables}\nletters: { treatment: keep, reason: none }`,
  });
  await night.nightly();
  await night.store.query(`insert into letters values (1, 'abc'); ${insert(22, 2)}`);
  expect(await night.store.query("select body, total from letters, orders where orders.id = 22")).toEqual([
    { body: "ABC", total: 2 },
  ]);
  await expect(night.store.query(insert(12))).rejects.toMatchObject(refused);
  expect(
    await night.store.query("select from pg_trigger where tgrelid = 'orders'::regclass and not tgisinternal"),
  ).toHaveLength(2);
});

describe("partitions", () => {
  const partitioned = {
    schema: `${people};
      create table orders (id int, customer_id int not null references customers, total int, primary key (id)) partition by range (id);
      create table orders_1 partition of orders for values from (0) to (100);
      create table orders_2 partition of orders for values from (100) to (300) partition by range (id);
      create table orders_2a partition of orders_2 for values from (100) to (200);
      insert into orders values (11, 1, 5), (21, 2, 7)`,
  };

  test("one more partition is guarded as well", async () => {
    night = await openMarked(partitioned);
    await night.store.query("create table orders_2b partition of orders_2 for values from (200) to (300)");
    for (const id of [12, 112, 212]) await expect(night.store.query(insert(id))).rejects.toMatchObject(refused);
    await night.store.query(insert(213, 2));
  });

  test.each([
    ["orders", [12, 112]],
    ["orders_1", [12]],
    ["orders_2", [112]],
    ["orders_2a", [112]],
  ])(
    "a guard that somebody switched off on %s is armed again by the next night, down to the last partition",
    async (table, open) => {
      night = await openMarked(partitioned);
      await night.store.query(`alter table ${table} disable trigger lethe_refuse`);
      for (const id of open) await night.store.query(`${insert(id)}; delete from orders where id = ${id}`);
      await night.nightly();
      for (const id of [12, 112]) await expect(night.store.query(insert(id))).rejects.toMatchObject(refused);
    },
  );

  test("a guard that stands is left alone: to arm one keeps the table from being written to", async () => {
    night = await openMarked(partitioned);
    const written = () =>
      night.store.query("select oid, xmin from pg_trigger where tgname = 'lethe_refuse' order by oid");
    const before = await written();
    expect(before).toHaveLength(4);
    await night.nightly();
    expect(await written()).toEqual(before);
  });
});
