import { afterEach, describe, expect, test } from "vitest";
import { releaseHolds } from "#holds/release.ts";
import { holdRows } from "#holds/rows.ts";
import { holdSubject } from "#holds/subject.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const by = "counsel";
const people = `create table customers (id int primary key, email text, phone text);
  insert into customers values (1, 'ann@shop.example', '+49 30 7000001'), (2, 'bob@shop.example', '+49 30 7000002');`;
const rule = "customers: { treatment: anonymise, columns: { email: { set: null }, phone: { set: null } } }\n";
const open = async (schema: string, tables: string, options: Partial<NightOptions> = {}): Promise<void> => {
  const subject = "{ table: customers, key: id, identifiers: { email: email, phone: phone } }";
  const whole = { schema: `${people}${schema}`, tables: `${rule}${tables}`, subject };
  night = await openNight({ now: "2026-11-02T02:00:00Z", ...whole, ...options });
};
const hold = (table: string, from?: string, to?: string, matter = "AZ-7") =>
  holdRows(night.context, { by, matter, reason: "claim" }, { store: "shop", table, clock: undefined, from, to });
const holdAnn = () =>
  holdSubject(night.context, { by, matter: "AZ-7", reason: "claim" }, { email: "ann@shop.example" });
const release = (matter = "AZ-7") => releaseHolds(night.context, { matter }, { by });
const all = (table: string) => night.store.query(`select * from ${table} order by 1`);
const ann = { email: "ann@shop.example" };
const addresses = `create table addresses (id int primary key, customer_id int references customers, street text);
  insert into addresses values (1, 1, 'Ann Street');`;
const trigger = (table: string, event: string, does: string): string =>
  `create function does() returns trigger language plpgsql as $$ begin ${does}; return null; end $$;
   create trigger does after ${event} on ${table} for each row execute function does();`;

describe("what the database itself would do to held rows", () => {
  test.each([
    [
      "a trigger of a row that goes changes a held one",
      `create table boxes (id int primary key, customer_id int references customers, full_ boolean); insert into boxes values (1, 1, true);
       ${trigger("addresses", "delete", "update boxes set full_ = false where customer_id = old.customer_id")}`,
      "boxes: { treatment: anonymise, columns: { customer_id: keep, full_: keep } }",
      { id: 1, customer_id: 1, full_: true },
    ],
    [
      "a trigger of a row that goes deletes somebody else's held one",
      `create table boxes (id int primary key, customer_id int references customers); insert into boxes values (1, 2);
       ${trigger("addresses", "delete", "delete from boxes")}`,
      "boxes: { treatment: erase }",
      { id: 1, customer_id: 2 },
    ],
    [
      "a foreign key empties a column of a held one",
      "create table boxes (id int primary key, address_id int references addresses on delete set null); insert into boxes values (1, 1);",
      "boxes: { treatment: keep, reason: nothing personal }",
      { id: 1, address_id: 1 },
    ],
  ])("is not done, and the request waits for the matter: %s", async (_, schema, tables, row) => {
    await open(`${addresses}${schema}`, `addresses: { treatment: erase }\n${tables}`);
    const [ref = ""] = await night.ask(ann);
    await hold("boxes");
    await night.nightly();
    expect(await all("boxes")).toEqual([row]);
    expect(await night.requests(ref)).toMatchObject([
      { state: "blocked", code: "LEGAL_HOLD", detail: { matter: "AZ-7" } },
    ]);
    await release();
    await night.nightly();
    expect(await all("addresses")).toEqual([]);
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  });

  test("is not done by old rows that go: they stay until the hold is over", async () => {
    await open(
      `create table visits (id int primary key, customer_id int references customers, made date); insert into visits values (1, 1, '2020-01-01');
       create table clicks (id int primary key, customer_id int references customers); insert into clicks values (1, 1);
       ${trigger("visits", "delete", "delete from clicks where customer_id = old.customer_id")}`,
      `visits: { treatment: erase, expires: { after: P90D, clock: made, why: Art. 5(1)(e) GDPR } }
clicks: { treatment: erase }`,
    );
    await hold("clicks");
    await night.nightly();
    expect([await all("visits"), await all("clicks")]).toMatchObject([[{ id: 1 }], [{ id: 1 }]]);
    await release();
    await night.nightly();
    expect([await all("visits"), await all("clicks")]).toEqual([[], []]);
  });
});

describe("of a person who is held nothing goes because it is old", () => {
  test("in a table that is kept, or that hangs on what they share with somebody", async () => {
    await open(
      `create table logs (id int primary key, customer_id int references customers, made date);
       insert into logs values (1, 1, '2020-01-01'), (2, 2, '2020-01-01');
       create table orders (id int primary key, buyer int references customers, receiver int references customers);
       insert into orders values (1, 1, 2), (2, 2, 2);
       create table items (id int primary key, order_id int references orders, made date);
       insert into items values (1, 1, '2020-01-01'), (2, 2, '2020-01-01');`,
      `logs: { treatment: keep, reason: nothing personal, expires: { after: P90D, clock: made, why: Art. 5(1)(e) GDPR } }
orders: { treatment: erase }
items: { treatment: erase, expires: { after: P90D, clock: made, why: Art. 5(1)(e) GDPR } }`,
    );
    await holdAnn();
    await night.nightly();
    expect([await all("logs"), await all("items")]).toMatchObject([[{ id: 1 }], [{ id: 1 }]]);
  });
});

describe("the parts of a request", () => {
  const invoices = `create table invoices (id int primary key, customer_id int references customers, issued_on date, buyer text);
    insert into invoices values (1, 1, '2026-01-10', 'Ann'), (2, 1, '2026-04-10', 'Ann'), (3, 1, '2026-07-10', 'Ann');
    create table places (id int primary key, customer_id int references customers, country text); insert into places values (1, 1, 'DE');`;
  const rules = `invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, buyer: { set: null } } }
places: { treatment: anonymise, columns: { customer_id: keep, country: { generalise: { map: { DE: EU }, otherwise: elsewhere } } } }`;
  const buyers = async () =>
    (await night.store.query<{ buyer: string }>("select buyer from invoices order by id")).map(({ buyer }) => buyer);

  test("once one of two holds is over, what only it covered goes; what would come out otherwise twice is done once", async () => {
    await open(invoices, rules);
    await night.ask(ann);
    await hold("invoices", "2026-01-01", "2026-01-31", "AZ-1");
    await hold("invoices", "2026-04-01", "2026-04-30", "AZ-2");
    await night.nightly();
    expect(await buyers()).toEqual(["Ann", "Ann", null]);
    await release("AZ-1");
    await night.nightly();
    expect(await buyers()).toEqual([null, "Ann", null]);
    await release("AZ-2");
    await night.nightly();
    expect([await buyers(), await all("places")]).toEqual([
      [null, null, null],
      [{ id: 1, customer_id: 1, country: "EU" }],
    ]);
    const told = await night.state.query("select rows::int from lethe.disposition where rows < 0");
    expect(told).toEqual([]);
  });

  test("are counted for one of two requests of the same person", async () => {
    await open(invoices, rules);
    await night.ask(ann);
    await hold("invoices", "2026-01-01", "2026-01-31");
    await night.nightly();
    await night.ask({ phone: "+49 30 7000001" });
    await night.nightly();
    await release();
    await night.nightly();
    expect(
      await night.state.query("select table_name, sum(rows)::int as rows from lethe.disposed group by 1 order by 1"),
    ).toEqual([
      { table_name: "customers", rows: 1 },
      { table_name: "invoices", rows: 3 },
      { table_name: "places", rows: 1 },
    ]);
  });

  test("that fail by themselves wait with the rest, which may pass as a whole", async () => {
    await open(
      `${addresses}create table memos (id int primary key, customer_id int references customers); insert into memos values (1, 1);
       create function stays() returns trigger language plpgsql as $$ begin
         if exists (select from customers where id = old.customer_id and email is not null)
         then raise exception 'a customer has an address' using errcode = '23514'; end if; return null; end $$;
       create constraint trigger stays after delete on addresses deferrable initially deferred for each row execute function stays();`,
      "addresses: { treatment: erase }\nmemos: { treatment: erase }",
    );
    const [ref = ""] = await night.ask(ann);
    await hold("memos");
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([
      { state: "blocked", code: "LEGAL_HOLD", detail: { matter: "AZ-7", sqlstate: "23514" } },
    ]);
    await release();
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  });
});
