import type { PolicyParts } from "#test/execute/night.ts";
import { placedFindings } from "#test/plan/findings.ts";

export const schema = `create table customers (id int primary key, email text, state text check (state in ('active', 'gone')), parent_id int references customers);
  create view active_customers as select id, email from customers where state = 'active';
  create table orders (id int primary key, customer_id int references customers, status text check (status in ('open', 'paused', 'cancelled')), total numeric, placed date);
  create table lines (order_id int references orders on delete cascade, n int, primary key (order_id, n));
  create table invoices (id int primary key, customer_id int references customers, order_id int references orders on delete set null, day date);
  create table notes (customer_id int references customers, status text)`;

export const rules = {
  customers: "{ treatment: anonymise, columns: { email: { set: null }, state: keep, parent_id: keep } }",
  orders: "{ treatment: erase }",
  lines: "{ treatment: erase }",
  invoices:
    "{ treatment: retain, class: voucher, clock: day, columns: { customer_id: keep, order_id: { set: null }, day: keep } }",
  notes: "{ treatment: erase }",
};
export const tables = (changed: Partial<typeof rules> = {}): string =>
  Object.entries({ ...rules, ...changed })
    .map(([name, rule]) => `${name}: ${rule}`)
    .join("\n");

export const check = (parts: Partial<PolicyParts>, country?: string) =>
  placedFindings(schema, { tables: tables(), ...parts }, country);

export const blocker = (line: string): Partial<PolicyParts> => ({ blockers: `- { code: OPEN, ${line} }` });
