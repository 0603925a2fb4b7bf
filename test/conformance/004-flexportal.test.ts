import { afterEach, expect, test } from "vitest";
import { formerCustomer, julia, openCompany, type Company } from "#test/conformance/company.ts";

let company: Company;
afterEach(() => company.dispose());

test("004: customer status changes to inactive, and the customer is hidden from default list queries", async () => {
  company = await openCompany("flexportal");
  const id = await company.add("customers", julia);
  expect(await company.rows("active_customers", `id = ${id}`)).toBe(1);
  const [ref = ""] = await company.ask(julia);
  await company.nightly();
  expect(await company.value(`select status from customers where id = ${id}`)).toBe("inactive");
  expect(await company.rows("active_customers", `id = ${id}`)).toBe(0);
  expect(await company.requests(ref)).toMatchObject([{ state: "archived", code: null }]);
});

test("004: a view that would still show the customer undoes the deletion", async () => {
  company = await openCompany("flexportal", {
    sql: "create or replace view active_customers as select id, full_name, email, country from customers",
  });
  const id = await company.add("customers", julia);
  const [ref = ""] = await company.ask(julia);
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "failed", code: "STILL_VISIBLE" }]);
  expect(await company.value(`select status from customers where id = ${id}`)).toBe("active");
});

test("004: profile, orders, subscriptions, payments and addresses are preserved, and the outcome says that personal data was left", async () => {
  company = await openCompany("flexportal");
  await formerCustomer(company);
  const tables = [
    "addresses",
    "orders",
    "subscriptions",
    "payments",
    "invoices",
    "payment_methods",
    "sessions",
    "ticket_messages",
  ];
  const content = () => Promise.all(tables.map((table) => company.store.query(`select * from ${table}`)));
  const before = await content();
  await company.ask(julia);
  const summary = await company.nightly();
  expect(summary).toMatchObject({ outcome: "done", requests: { done: 1, failed: 0 } });
  expect(await content()).toEqual(before);
  expect(await company.state.query("select outcome from lethe.outcome")).toEqual([{ outcome: "archived_with_pii" }]);
  const stays = await company.state.query<{ place: string; why: string }>(
    "select table_name || '.' || column_name as place, why, until from lethe.stay",
  );
  expect(stays.map(({ place }) => place)).toEqual(
    expect.arrayContaining([
      "customers.email",
      "addresses.line1",
      "payment_methods.holder_name",
      "ticket_messages.body",
    ]),
  );
  expect(stays).toContainEqual({ place: "customers.email", why: "the account can be reactivated", until: null });
});

test("004: reporting data remains intact: the aggregates are equal before and after", async () => {
  company = await openCompany("flexportal");
  await formerCustomer(company);
  await company.ask(julia);
  await company.nightly();
  expect(await company.state.query("select figure, before, after from lethe.figure order by position")).toEqual([
    { figure: "Orders", before: "1", after: "1" },
    { figure: "Order value", before: "20.00", after: "20.00" },
    { figure: "Subscriptions", before: "1", after: "1" },
    { figure: "Payments", before: "49.00", after: "49.00" },
  ]);
});

test("004: reporting data remains intact: a deletion that would change an aggregate is undone", async () => {
  company = await openCompany("flexportal", {
    sql: `create function forget_orders() returns trigger language plpgsql as $$
      begin delete from orders where customer_id = new.id; return null; end $$;
      create trigger forget_orders after update on customers for each row execute function forget_orders()`,
  });
  const id = await company.add("customers", julia);
  await company.add("orders", { customer_id: id });
  const [ref = ""] = await company.ask(julia);
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "failed", code: "FIGURE_CHANGED" }]);
  expect(await company.rows("orders")).toBe(1);
  expect(await company.value(`select status from customers where id = ${id}`)).toBe("active");
});

test("004: new orders cannot be created for this customer: the database refuses them, for others it takes them", async () => {
  company = await openCompany("flexportal");
  const id = await company.add("customers", julia);
  const other = await company.add("customers", {});
  await company.ask(julia);
  await company.nightly();
  await expect(company.add("orders", { customer_id: id })).rejects.toMatchObject({
    code: "23000",
    constraint: "lethe_refuse",
  });
  await expect(company.add("subscriptions", { customer_id: id })).rejects.toMatchObject({ code: "23000" });
  const order = await company.add("orders", { customer_id: other });
  await expect(company.store.query(`update orders set customer_id = ${id} where id = ${order}`)).rejects.toMatchObject({
    code: "23000",
  });
  expect(await company.rows("orders")).toBe(1);
});

test("004: customers with active subscriptions cannot be deleted", async () => {
  company = await openCompany("flexportal");
  const id = await company.add("customers", julia);
  await company.add("subscriptions", { customer_id: id, status: "active" });
  const [ref = ""] = await company.ask(julia);
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code: "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS" }]);
  expect(await company.value(`select status from customers where id = ${id}`)).toBe("active");
});

test("004: no pending orders", async () => {
  company = await openCompany("flexportal");
  const id = await company.add("customers", julia);
  await company.add("orders", { customer_id: id, status: "pending" });
  const [ref = ""] = await company.ask(julia);
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code: "CUSTOMER_HAS_PENDING_ORDERS" }]);
});

test("004: all devices returned: a rented device blocks", async () => {
  company = await openCompany("flexportal");
  const id = await company.add("customers", julia);
  await company.add("devices", { customer_id: id, status: "rented_out" });
  const [ref = ""] = await company.ask(julia);
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code: "DEVICES_NOT_RETURNED" }]);
});

test("004: NOT_FOUND: a customer that does not exist is said to be not found, in our own words SUBJECT_NOT_FOUND, and nobody else is touched", async () => {
  company = await openCompany("flexportal");
  const id = await company.add("customers", julia);
  const [ref = ""] = await company.ask({ email: "nobody@example.org" });
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code: "SUBJECT_NOT_FOUND" }]);
  expect(await company.value(`select status from customers where id = ${id}`)).toBe("active");
});

test("004: reactivating a customer is possible until erased, lets orders in again, and reopens the request", async () => {
  company = await openCompany("flexportal");
  const id = await company.add("customers", julia);
  const [ref = ""] = await company.ask(julia);
  await company.nightly();
  await company.store.query(`update customers set status = 'active' where id = ${id}`);
  await company.add("orders", { customer_id: id });
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  expect(await company.value(`select status from customers where id = ${id}`)).toBe("active");
  // Approved again, it is done again.
  await company.approve(ref);
  await company.nightly();
  expect(await company.requests(ref)).toMatchObject([{ state: "archived", code: null }]);
  expect(await company.value(`select status from customers where id = ${id}`)).toBe("inactive");
});
