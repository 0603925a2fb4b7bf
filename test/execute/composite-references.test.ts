import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const ann = { email: "ann@shop.example" };

test.each([
  ["may be empty", "int"],
  ["may not be empty", "int not null"],
])(
  "of a reference by tenant and key only the key is emptied in other people's rows, where the tenant %s",
  async (_, tenant) => {
    night = await openNight({
      schema: `create table tenants (id int primary key);
        create table customers (id int primary key, tenant ${tenant}, email text, parent_id int, unique (tenant, id),
          foreign key (tenant, parent_id) references customers (tenant, id));
        create table addresses (id int primary key, tenant ${tenant}, street text, unique (tenant, id));
        create table orders (id int primary key, tenant ${tenant} references tenants, customer_id int, address_id int, recommended_by int,
          foreign key (tenant, customer_id) references customers (tenant, id), foreign key (tenant, recommended_by) references customers (tenant, id),
          foreign key (tenant, address_id) references addresses (tenant, id));
        insert into tenants values (7);
        insert into customers values (1, 7, 'ann@shop.example', null), (2, 7, 'bob@shop.example', 1), (3, 7, 'cid@shop.example', 2);
        insert into addresses values (1, 7, 'Shared Street');
        insert into orders values (1, 7, 1, 1, null), (2, 7, 2, 1, 1)`,
      tables: `customers: { treatment: erase }
addresses: { treatment: anonymise, columns: { tenant: keep, street: { set: null } } }
orders: { treatment: anonymise, owner: [tenant, customer_id], columns: { tenant: keep, customer_id: { set: null }, address_id: keep, recommended_by: keep } }
tenants: { treatment: keep, reason: companies }`,
    });
    await night.ask(ann);
    expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
    expect(await night.store.query("select id, tenant, parent_id from customers order by 1")).toEqual([
      { id: 2, tenant: 7, parent_id: null },
      { id: 3, tenant: 7, parent_id: 2 },
    ]);
    // Bob has the address too: what is left of Ann's order no longer leads to it.
    expect(await night.store.query("select * from orders order by 1")).toEqual([
      { id: 1, tenant: 7, customer_id: null, address_id: null, recommended_by: null },
      { id: 2, tenant: 7, customer_id: 2, address_id: 1, recommended_by: null },
    ]);
  },
);

test("a circle of references by tenant and key is cut at the key that may be empty", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table carts (id int primary key, tenant int not null, customer_id int references customers, last_line int, unique (tenant, id));
      create table lines (id int primary key, tenant int not null, cart_id int not null, unique (tenant, id),
        foreign key (tenant, cart_id) references carts (tenant, id));
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into carts values (1, 7, 1, 1), (2, 7, 2, 2); insert into lines values (1, 7, 1), (2, 7, 2);
      alter table carts add foreign key (tenant, last_line) references lines (tenant, id)`,
    tables: "customers: { treatment: erase }\ncarts: { treatment: erase }\nlines: { treatment: erase }",
  });
  await night.ask(ann);
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
  expect(
    await night.store.query("select c.id, last_line, l.id as line from carts c full join lines l on l.cart_id = c.id"),
  ).toEqual([{ id: 2, last_line: 2, line: 2 }]);
});
