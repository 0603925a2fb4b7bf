import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

const schema = `
  create table customers (id int primary key, email text unique, name text, status text not null default 'active');
  insert into customers select n, 'p' || n || '@shop.example', 'P' || n from generate_series(1, 5) n;
  create table cards (id int primary key, customer_id int not null references customers, token text not null);
  insert into cards select n, n, 'tok-canary-' || n from generate_series(1, 4) n;
  create table subscriptions (id int primary key, customer_id int not null references customers, status text not null);
  insert into subscriptions select n, n, case when n < 4 then 'active' else 'ended' end from generate_series(1, 5) n;
  create table invoices (id int primary key, customer_id int not null references customers, issued_on date not null,
    total numeric(10, 2) not null, billing_name text);
  insert into invoices values (1, 1, '2024-05-01', 20.50, 'P1'), (2, 1, '2026-03-01', 10, null), (3, 2, '2025-07-01', 7, 'P2');
  create table notes (id int primary key, customer_id int not null references customers, body text, score float8 not null);
  insert into notes select n, n, 'note', 0.1 * n from generate_series(1, 5) n;`;

const sections = `
figures:
  - { figure: Revenue, table: invoices, measure: sum(total), equal: true }
  - { figure: Active subscriptions, table: subscriptions, measure: count, where: { status: active } }
  - { figure: Score, table: notes, measure: sum(score) }
recipients:
  - { recipient: Gateway, task: delete_payment_method, table: cards, reference: token }`;

const tables = `
customers: { treatment: anonymise, columns: { email: { set: null }, name: { stays: the name is on parcels }, status: { set: gone } } }
cards: { treatment: erase }
subscriptions: { treatment: keep, reason: history without a name }
invoices:
  treatment: retain
  class: voucher
  clock: issued_on
  columns: { customer_id: keep, issued_on: keep, total: keep, billing_name: { stays: vouchers name the buyer } }
notes: { treatment: erase }`;

const blockers = `
- code: ACTIVE_SUBSCRIPTION
  when: { table: subscriptions, status: active }
  then: { set: { status: cancelled } }`;

/** A shop whose policy leaves, remedies, counts and tells others: five customers, four cards, three active subscriptions. */
export const openShop = (change: Partial<NightOptions> = {}): Promise<Night> =>
  openNight({ schema, sections, tables, blockers, ...change });

export const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `p${n + 1}@shop.example` }));
