import { afterEach, describe, expect, test } from "vitest";
import { ann, connections, insert, openMarked, refused, softThenHard } from "#test/execute/guarded.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

let night: Night;
const { connect, close } = connections();
afterEach(async () => {
  await close();
  await night.dispose();
});

const orders = () =>
  night.store.query("select id, customer_id as whose from orders where id not in (11, 21) order by id");

describe("at the same moment as the mark", () => {
  const armed = async (lockTimeoutMs = 300, options: Partial<NightOptions> = {}): Promise<void> => {
    night = await openNight({
      ...softThenHard,
      ...options,
      blockers: "- { code: BIG_ORDER, when: { table: orders, total: { gt: 100 } }, then: block }",
      store: { lockTimeoutMs },
    });
    await night.ask({ email: "bob@shop.example" });
    await night.nightly();
  };
  /** Somebody in this store waits for a lock. */
  const waits = () =>
    expect
      .poll(
        () =>
          night.store.query(
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
          ),
        { timeout: 20_000 },
      )
      .toHaveLength(1);

  const linked = {
    schema: softThenHard.schema.replace("references customers", ""),
    sections: `${softThenHard.sections}\nlinks: [orders.customer_id -> customers.id]`,
  };

  test.each([
    ["by a foreign key", {}],
    ["by a link", linked],
  ])(
    "an order that names, %s, somebody who is just being marked waits, and is refused when the mark is there",
    async (_, options) => {
      await armed(300, options);
      const [marking, ordering] = [await connect(night), await connect(night)];
      await marking.query("begin; update customers set status = 'inactive' where id = 1");
      const order = ordering.query(insert(12)).catch((error: unknown) => error);
      await waits();
      await marking.query("commit");
      expect(await order).toMatchObject(refused);
    },
  );

  test("an order for somebody whose marking is undone goes in", async () => {
    await armed();
    const [marking, ordering] = [await connect(night), await connect(night)];
    await marking.query("begin; update customers set status = 'inactive' where id = 1");
    const order = ordering.query(insert(12));
    await waits();
    await marking.query("rollback");
    await order;
    expect(await orders()).toEqual([{ id: 12, whose: 1 }]);
  });

  test("an order that is still open when the night comes keeps its customer from being marked, and blocks the next night", async () => {
    await armed();
    const [ref = ""] = await night.ask(ann);
    const ordering = await connect(night);
    await ordering.query(`begin; ${insert(12, 1, 500)}`);
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "failed", code: "ROW_LOCKED" }]);
    await ordering.query("commit");
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "blocked", code: "BIG_ORDER" }]);
    expect(await night.store.query("select status from customers where id = 1")).toEqual([{ status: "active" }]);
  });

  test("an order on a snapshot from before the mark is refused, as the snapshot shows no mark", async () => {
    await armed();
    for (const level of ["repeatable read", "serializable"]) {
      const ordering = await connect(night);
      await ordering.query(`begin isolation level ${level}; select from customers`);
      await night.store.query("update customers set status = 'active' where id = 1");
      await night.store.query("update customers set status = 'inactive' where id = 1");
      await expect(ordering.query(insert(12))).rejects.toMatchObject({ code: "40001" });
    }
  });

  test.each([
    ["order once more", insert(13)],
    ["change the customer", "update customers set ext = 'X-9' where id = 1"],
  ])("whoever has an order open can still %s while the night waits for it", async (_, statement) => {
    await armed(2000);
    const [ref = ""] = await night.ask(ann);
    const ordering = await connect(night);
    await ordering.query(`begin; ${insert(12)}`);
    const nightly = night.nightly();
    await waits();
    await ordering.query(statement);
    await nightly;
    expect(await night.requests(ref)).toMatchObject([{ state: "failed", code: "ROW_LOCKED" }]);
    await ordering.query("commit");
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "scheduled", code: null }]);
    await expect(night.store.query(insert(14))).rejects.toMatchObject(refused);
  });

  test("two orders of one customer at the same moment, each of which changes the customer, do not stand in each other's way", async () => {
    await armed();
    const [one, other] = [await connect(night), await connect(night)];
    await one.query(`begin; ${insert(12)}`);
    await other.query(`begin; ${insert(13)}`);
    const rename = "update customers set ext = ext || '!' where id = 1";
    const second = one.query(rename).then(() => one.query("commit"));
    await other.query(rename);
    await other.query("commit");
    await second;
    expect(await night.store.query("select ext from customers where id = 1")).toEqual([{ ext: "X-1!!" }]);
  });
});

test("a mark in a column of a type of the application's own is guarded, and stops nobody else", async () => {
  night = await openMarked({
    schema: `create type standing as enum ('active', 'inactive');
      ${softThenHard.schema.replace("status text not null", "status standing not null")}`,
  });
  await night.store.query("insert into orders values (22, 2, 1)");
  await expect(night.store.query("insert into orders values (12, 1, 1)")).rejects.toMatchObject({ code: "23000" });
});

test("an order that is there can be saved as a whole, but not be moved to who is marked as deleted", async () => {
  night = await openMarked();
  await night.store.query("update orders set customer_id = 1, total = 6 where id = 11");
  await expect(night.store.query("update orders set customer_id = 1 where id = 21")).rejects.toMatchObject({
    code: "23000",
  });
});

test("a guard on a link looks at the rows that the link speaks of", async () => {
  night = await openNight({
    ...softThenHard,
    schema: `${softThenHard.schema}; create table comments (id int primary key, on_kind text, on_id int)`,
    sections: `${softThenHard.sections.replace("refuse: [orders]", "refuse: [comments]")}
links: [{ from: comments.on_id, to: customers.id, where: { on_kind: customer } }]`,
    tables: `${softThenHard.tables}\ncomments: { treatment: erase }`,
  });
  await night.ask(ann);
  await night.nightly();
  await night.store.query("insert into comments values (1, 'product', 1), (2, 'customer', 2)");
  for (const statement of [
    "insert into comments values (3, 'customer', 1)",
    "update comments set on_kind = 'customer' where id = 1",
  ]) {
    await expect(night.store.query(statement)).rejects.toMatchObject({ code: "23000" });
  }
});

test("a link between two types is looked up by the index of what it refers to, and compared as everywhere", async () => {
  night = await openMarked({
    schema: `${softThenHard.schema}; create table comments (id int primary key, on_id text)`,
    sections: `${softThenHard.sections.replace("refuse: [orders]", "refuse: [comments]")}\nlinks: [comments.on_id -> customers.id]`,
    tables: `${softThenHard.tables}\ncomments: { treatment: erase }`,
  });
  await expect(night.store.query("insert into comments values (1, '1')")).rejects.toMatchObject(refused);
  await night.store.query("insert into comments values (2, '2')");
  await expect(night.store.query("update comments set on_id = '1' where id = 2")).rejects.toMatchObject(refused);
  const shop = await connect(night);
  await shop.query(`begin; set local enable_seqscan = off;
    insert into comments values (3, '01'), (4, 'nobody'), (5, '99999999999'), (6, null), (7, '2')`);
  const { rows } = await shop.query(
    "select seq_scan::int as scans, idx_scan > 0 as found from pg_stat_xact_user_tables where relname = 'customers'",
  );
  expect(rows).toEqual([{ scans: 0, found: true }]);
});

describe("a reference that is compared by a type's own operator", () => {
  const byAddress = (type: string, key: string) => ({
    schema: `create schema types; create extension citext schema types; create domain address as types.citext;
      create table customers (id int primary key, email ${type} unique, status text not null default 'active');
      create table orders (id int primary key, customer_email ${type} ${key}, total int);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into orders values (11, 'ann@shop.example', 5), (21, 'bob@shop.example', 7)`,
    subject: "{ table: customers, key: id, identifiers: { email: email } }",
    sections: `deletion: { mode: soft, set: { status: inactive }, refuse: [orders] }${
      key === "" ? "\nlinks: [orders.customer_email -> customers.email]" : ""
    }`,
    tables: `customers: { treatment: keep, reason: can be reactivated, personal: [email] }
orders: { treatment: keep, reason: books, personal: [customer_email] }`,
  });

  test.each([
    ["types.citext", "references customers (email)"],
    ["types.citext", ""],
    ["address", ""],
  ])("%s %s: an order under another spelling of the address is refused, and so is a move to it", async (type, key) => {
    night = await openMarked(byAddress(type, key));
    await expect(night.store.query("insert into orders values (12, 'Ann@Shop.example', 1)")).rejects.toMatchObject(
      refused,
    );
    const move = "update orders set customer_email = 'ANN@shop.example' where id = 21";
    await expect(night.store.query(move)).rejects.toMatchObject(refused);
    await night.store.query("insert into orders values (22, 'Bob@Shop.example', 1), (23, null, 1)");
  });

  test("whoever may create operators cannot have theirs run with our rights", async () => {
    night = await openNight({ ...softThenHard, ...byAddress("types.citext", "") });
    await night.store.query(`create function taken(types.citext, types.citext) returns boolean language plpgsql as
        $$ begin raise exception 'taken over'; end $$;
      create schema elsewhere; create operator elsewhere.= (leftarg = types.citext, rightarg = types.citext, function = taken)`);
    await night.ask(ann);
    await night.nightly();
    await night.store.query("insert into orders values (22, 'Bob@Shop.example', 1)");
    await expect(night.store.query("insert into orders values (12, 'Ann@Shop.example', 1)")).rejects.toMatchObject(
      refused,
    );
  });
});

test("whose a row is can be said by a trigger that comes later, also when the statement does not name the column", async () => {
  night = await openMarked({
    schema: `${softThenHard.schema}; alter table orders alter customer_id drop not null;
      create function whose() returns trigger language plpgsql as
        $$ begin if new.total = 99 then new.customer_id := 1; end if; return new; end $$;
      create trigger set_customer before insert or update on orders for each row execute function whose()`,
  });
  await expect(night.store.query("insert into orders (id, total) values (12, 99)")).rejects.toMatchObject(refused);
  await expect(night.store.query("update orders set total = 99 where id = 21")).rejects.toMatchObject(refused);
  await night.store.query("insert into orders (id, total) values (13, 1)");
  expect(await orders()).toEqual([{ id: 13, whose: null }]);
});
