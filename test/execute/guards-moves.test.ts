import type pg from "pg";
import { afterEach, expect, test } from "vitest";
import { connections, insert, openMarked, people, refused, softThenHard } from "#test/execute/guarded.ts";
import type { Night } from "#test/execute/night.ts";

let night: Night;
const { connect, close } = connections();
afterEach(async () => {
  await close();
  await night.dispose();
});

/** One message to the server after the other. */
const runAll = async (client: pg.Client, statements: readonly string[]): Promise<void> => {
  for (const statement of statements) await client.query(statement);
};

test("a row that only moves to another partition is no new row, nor is anything that Lethe's own batch moves or sets off", async () => {
  night = await openMarked({
    schema: `${people};
      create table orders (id int, customer_id int not null references customers, state text, primary key (id, state)) partition by list (state);
      create table orders_open partition of orders for values in ('open'); create table orders_done partition of orders for values in ('done');
      insert into orders values (11, 1, 'open'), (12, 1, 'open'), (21, 2, 'open');
      create table events (customer_id int references customers, kind text, at date not null) partition by range (at);
      create table events_1 partition of events for values from ('2026-01-01') to ('2026-04-01');
      create table events_2 partition of events for values from ('2026-04-01') to ('2027-01-01');
      insert into events values (1, 'click', '2026-05-06'), (1, 'click', '2026-05-07'), (2, 'click', '2026-05-06');
      create function log_change() returns trigger language plpgsql as
        $$ begin insert into events values (new.id, 'change', '2026-05-08'); return null; end $$;
      create trigger log_change after update on customers for each row execute function log_change()`,
    sections: softThenHard.sections.replace("refuse: [orders]", "refuse: [orders, events]"),
    tables: `customers: { treatment: anonymise, columns: { email: { set: null }, ext: { set: null }, status: keep } }
orders: { treatment: keep, reason: books }
events: { treatment: anonymise, columns: { customer_id: keep, kind: keep, at: { truncate: year } } }`,
  });
  const shop = await connect(night);
  await shop.query("update orders set state = 'done'");
  await shop.query("update orders set state = 'open'; update orders set state = 'done' where id = 11");
  for (const statements of [
    ["insert into orders values (13, 1, 'open')"],
    ["insert into orders_open values (13, 1, 'open')"],
    ["update orders set state = 'done', customer_id = 1 where id = 21"],
    ["update orders set state = 'done', id = 13 where id = 12"],
    ["update orders set state = 'done' where id = 12; insert into orders values (13, 1, 'open')"],
    ["delete from orders where id = 12; insert into orders select 13, 1, 'open'"],
    [
      `with gone as (delete from events where customer_id = 1 and at < '2026-05-07' returning *)
       insert into events select g.* from gone g, generate_series(1, 2)`,
    ],
    ["delete from orders where id = 12", "insert into orders values (12, 1, 'done')"],
    ["set lethe.moved = '0000'", "insert into orders values (13, 1, 'open')"],
  ]) {
    await shop.query("begin");
    await expect(runAll(shop, statements)).rejects.toMatchObject(refused);
    await shop.query("rollback");
  }
  await night.nightly(night.at("2026-12-03T02:00:00Z"));
  expect(await night.requests()).toMatchObject([{ state: "completed" }]);
  expect(await night.store.query("select kind, count(*)::int as rows from events_1 group by 1 order by 1")).toEqual([
    { kind: "change", rows: 2 },
    { kind: "click", rows: 2 },
  ]);
});

test("a marked customer can be given another key, which takes no new order either", async () => {
  night = await openMarked({
    schema: `${people};
      create table orders (id int primary key, customer_id int references customers on update cascade, total int);
      insert into orders values (11, 1, 5), (21, 2, 7), (31, null, 9)`,
  });
  await night.store.query("update customers set id = 9 where id = 1");
  expect(await night.store.query("select customer_id as whose from orders where id = 11")).toEqual([{ whose: 9 }]);
  for (const statement of [insert(12, 9), "update orders set customer_id = 9 where id in (21, 31)"]) {
    await expect(night.store.query(statement)).rejects.toMatchObject(refused);
  }
  await expect(night.store.query("update orders set customer_id = 9 where id = 31")).rejects.toMatchObject(refused);
});
