import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { makePerson, readExport } from "#test/export/read-export.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const customers = `create table customers (id int primary key, email text);
  insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');`;
const forgotten = "customers: { treatment: anonymise, columns: { email: { set: null } } }";
const ann = { email: "ann@shop.example" };

test.each([
  ["a link", "int", "links: [lines.order_id -> orders.id]"],
  ["a foreign key whose check can wait", "int references orders deferrable", ""],
])(
  "what hangs by %s on a row that a remedy removes goes with it, also where another row is shared",
  async (_, reference, sections) => {
    night = await openNight({
      schema: `${customers}
      create table addresses (id int primary key, street text);
      create table orders (id int primary key, customer_id int references customers, address_id int references addresses, status text);
      create table lines (id int primary key, order_id ${reference}, note text);
      insert into addresses values (1, 'Shared Street'), (2, 'Own Street');
      insert into orders values (1, 1, 2, 'draft'), (2, 1, 1, 'done'), (3, 2, 1, 'done');
      insert into lines values (1, 1, 'x'), (2, 2, 'x'), (3, 3, 'x')`,
      sections,
      tables: `${forgotten}\norders: { treatment: erase }\nlines: { treatment: erase }\naddresses: { treatment: erase }`,
      blockers: "- { code: DRAFT, when: { table: orders, status: draft }, then: { remove: rows } }",
    });
    const [ref = ""] = await night.ask(ann);
    expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
    expect(await night.store.query("select id from lines")).toEqual([{ id: 3 }]);
    expect(await night.store.query("select id from addresses")).toEqual([{ id: 1 }]);
    // The order that the remedy removed is the remedy's to count.
    expect(await night.dispositions(ref)).toEqual([
      "erase addresses 1 1",
      "anonymise customers 1 0",
      "erase lines 2 0",
      "erase orders 1 0",
    ]);
    expect(await night.state.query("select code, action, rows from lethe.remedy")).toEqual([
      { code: "DRAFT", action: "remove", rows: 1 },
    ]);
  },
);

test("rows that stay let go of a row that a remedy removes: by their own rule where the check can wait, else by a remedy before", async () => {
  for (const [option, before] of [
    ["deferrable", ""],
    ["", "- { code: LINES, when: { table: lines, order_id: { is_null: false } }, then: { unlink: order_id } }\n"],
  ]) {
    night = await openNight({
      schema: `${customers}
        create table orders (id int primary key, customer_id int references customers, status text);
        create table lines (id int primary key, order_id int references orders ${option}, note text);
        insert into orders values (1, 1, 'draft'), (2, 1, 'done'), (3, 2, 'draft');
        insert into lines values (1, 1, 'x'), (2, 2, 'x'), (3, 3, 'x')`,
      tables: `${forgotten}\norders: { treatment: anonymise, columns: { customer_id: keep, status: keep } }
lines: { treatment: anonymise, columns: { order_id: { set: null }, note: keep } }`,
      blockers: `${before}- { code: DRAFT, when: { table: orders, status: draft }, then: { remove: rows } }`,
    });
    await night.ask(ann);
    expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
    expect(await night.store.query("select id from orders order by 1")).toEqual([{ id: 2 }, { id: 3 }]);
    expect(await night.store.query("select id, order_id from lines order by 1")).toMatchObject([
      { id: 1, order_id: null },
      { id: 2 },
      { id: 3, order_id: 3 },
    ]);
    if (option !== "") await night.dispose();
  }
});

test("a row that a remedy removes is exported before, and its recipient is told of it", async () => {
  const dpo = await makePerson();
  night = await openNight({
    recipients: [dpo.recipient],
    schema: `${customers}
      create table cards (id int primary key, customer_id int references customers, token text, status text);
      insert into cards values (1, 1, 'pm_1', 'active'), (2, 1, 'pm_2', 'old')`,
    sections: "recipients: [{ recipient: gateway, task: delete_card, table: cards, reference: token }]",
    tables: `${forgotten}\ncards: { treatment: keep, reason: numbers only }`,
    blockers: "- { code: ACTIVE, when: { table: cards, status: active }, then: { remove: rows } }",
  });
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  expect(await night.store.query("select id from cards")).toEqual([{ id: 2 }]);
  expect(await night.state.query("select reference from lethe.task order by 1")).toEqual([
    { reference: "pm_1" },
    { reference: "pm_2" },
  ]);
  const { rows } = await readExport(join(night.directory, "exports", `${ref}.shop.jsonl.age`), dpo);
  expect(rows.filter(({ table }) => table === "cards")).toHaveLength(2);
});

test("a line that blocks sees the rows that another one would remove", async () => {
  night = await openNight({
    schema: `${customers}
      create table orders (id int primary key, customer_id int references customers, status text, total int);
      insert into orders values (1, 1, 'draft', 900)`,
    tables: `${forgotten}\norders: { treatment: erase }`,
    blockers: `- { code: DRAFT, when: { table: orders, status: draft }, then: { remove: rows } }
- { code: BIG, when: { table: orders, total: { gt: 100 } }, then: block }`,
  });
  await night.ask(ann);
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "blocked", code: "BIG" }]);
});

const log = (event: string) => `create function log() returns trigger language plpgsql as $$
    begin insert into history values (old.id, old.customer_id, 'Ann'); return coalesce(new, old); end $$;
  create trigger log after ${event} on subscriptions for each row execute function log()`;
const subscriptions = `${customers}
  create table subscriptions (id int primary key, customer_id int references customers, status text);
  insert into subscriptions values (1, 1, 'active'), (2, 2, 'active');`;

test("what a trigger copies when a remedy changes rows of a table that is kept is erased", async () => {
  night = await openNight({
    schema: `${subscriptions} create table history (id int, customer_id int references customers, who text); ${log("update")}`,
    tables: `${forgotten}\nsubscriptions: { treatment: keep, reason: counted }\nhistory: { treatment: erase }`,
    blockers:
      "- { code: ACTIVE, when: { table: subscriptions, status: active }, then: { set: { status: cancelled } } }",
  });
  await night.ask(ann);
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
  expect(await night.store.query("select * from history")).toEqual([]);
});

test("what a trigger copies when a remedy removes a row is found by the row that is gone", async () => {
  night = await openNight({
    schema: `${subscriptions} create table history (subscription_id int, customer_id int, who text); ${log("delete")}`,
    sections: "links: [history.subscription_id -> subscriptions.id]",
    tables: `${forgotten}\nsubscriptions: { treatment: erase }\nhistory: { treatment: erase }`,
    blockers: "- { code: ACTIVE, when: { table: subscriptions, status: active }, then: { remove: rows } }",
  });
  await night.ask(ann);
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
  expect(await night.store.query("select * from history")).toEqual([]);
});

describe("a remedy leaves alone what a living person shares", () => {
  const shared = {
    schema: `${customers}
      create table accounts (id int primary key, owner_id int references customers, co_owner_id int references customers);
      create table subs (id int primary key, account_id int references accounts, status text);
      insert into accounts values (1, 1, 2), (2, 1, null);
      insert into subs values (1, 1, 'active'), (2, 2, 'active')`,
    tables: `${forgotten}\naccounts: { treatment: erase }\nsubs: { treatment: erase }`,
  };

  test.each(["{ set: { status: cancelled } }", "{ remove: rows }"])(
    "also where only that leads to the row: %s",
    async (then) => {
      night = await openNight({
        ...shared,
        blockers: `- { code: ACTIVE, when: { table: subs, status: active }, then: ${then} }`,
      });
      const [ref = ""] = await night.ask(ann);
      await night.nightly();
      expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
      expect(await night.store.query("select id, status from subs")).toEqual([{ id: 1, status: "active" }]);
      expect(await night.store.query("select id from accounts")).toEqual([{ id: 1 }]);
      expect(await night.state.query("select code, rows from lethe.remedy")).toEqual([{ code: "ACTIVE", rows: 1 }]);
    },
  );

  test.each(["{ set: { status: void } }", "{ remove: rows }"])(
    "and blocks where the row itself is shared: %s",
    async (then) => {
      night = await openNight({
        schema: `${customers}
          create table cards (id int primary key, owner_id int references customers, co_owner_id int references customers, status text);
          insert into cards values (1, 1, 2, 'active'), (2, 1, null, 'active')`,
        tables: `${forgotten}\ncards: { treatment: erase }`,
        blockers: `- { code: CARD, when: { table: cards, status: active }, then: ${then} }`,
      });
      const [ref = ""] = await night.ask(ann);
      await night.nightly();
      expect(await night.requests(ref)).toMatchObject([
        { state: "blocked", code: "CARD", detail: { table: "cards", rows: 1 } },
      ]);
      expect(await night.store.query("select from cards where status = 'active'")).toHaveLength(2);
    },
  );
});

test("a remedy whose trigger makes rows at which another line stops is undone, and the request fails", async () => {
  night = await openNight({
    schema: `${customers}
      create table subs (id int primary key, customer_id int references customers, status text);
      create table orders (id int primary key, customer_id int references customers, due int);
      insert into subs values (1, 1, 'active');
      insert into orders values (1, 1, 0);
      create function charge() returns trigger language plpgsql as $$ begin
        update orders set due = 5 where customer_id = new.customer_id; return new; end $$;
      create trigger charge after update on subs for each row execute function charge()`,
    tables: `${forgotten}\nsubs: { treatment: erase }\norders: { treatment: erase }`,
    blockers: `- { code: ACTIVE, when: { table: subs, status: active }, then: { set: { status: cancelled } } }
- { code: DUE, when: { table: orders, due: { gt: 0 } }, then: block }`,
  });
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  expect(await night.requests(ref)).toMatchObject([{ state: "failed", code: "REMEDY_INCOMPLETE" }]);
  expect(await night.store.query("select status, due from subs, orders")).toEqual([{ status: "active", due: 0 }]);
});
