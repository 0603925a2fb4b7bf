import { plainDump } from "#test/backups/repository-files.ts";

/**
 * A small company in which each kind of thing that a crash could leave half done occurs: a shared address, a cascade, an audit
 * trigger, a materialised view, conserved totals, retained invoices, a blocked subject, one whose change is refused, rows that a
 * remedy changes, columns that stay, tasks for a recipient, and a second store that holds some of the same people.
 */
export type Company = {
  readonly shopSql: string;
  readonly crmSql: string;
  /** Five people who were erased in an earlier night and are complete once their backups are gone. */
  readonly earlierCsv: string;
  /** The first people of all: number 7 is blocked, the change of number 11 is refused. */
  readonly requestsCsv: string;
};

export const makeCompany = (customers: number, requests: number): Company => ({
  shopSql: shopSchema + shopRows(customers) + shopTriggers,
  crmSql: crmSql(customers),
  earlierCsv: csv("2026-09-20", customers - 9, customers - 5),
  requestsCsv: csv("2026-10-28", 1, requests),
});

const shopSchema = `
create table addresses (id int primary key, line1 text not null, city text not null);
create table customers (
  id int primary key, external_id text unique, email text unique, name text, phone text,
  address_id int references addresses, tier text not null);
create index on customers (address_id);
create table tickets (id int primary key, customer_id int not null references customers, body text not null);
create table ticket_notes (id int primary key, ticket_id int not null references tickets on delete cascade, note text);
create table subscriptions (id int primary key, customer_id int not null references customers, status text not null, mandate text);
create table invoices (
  id int primary key, customer_id int not null references customers, issued_on date not null,
  amount numeric(12,2) not null, name text, note text);
create table events (
  id int primary key, customer_id int references customers, happened_at timestamptz not null,
  city text, plan text not null, amount numeric(12,2) not null, url text);
create table customer_audit (
  id int generated always as identity primary key, customer_id int not null, action text not null, old_row jsonb, new_row jsonb);
create table products (id int primary key, title text not null);`;

// With some subjects, the number of the row is that of the customer, so that a difference is easy to place.
const shopRows = (customers: number): string => `
insert into addresses select n, n || ' Garden Street', 'Town ' || n % 5 from generate_series(1, ${customers}) n;
insert into customers select n, 'ext-' || n, 'person' || n || '@canary.example', 'Person' || n || ' Canary',
  '+49301000' || lpad(n::text, 4, '0'),
  case n when ${customers - 20} then 3 when 2 then 1 when ${customers - 9} then ${customers - 10} else n end, case n when 11 then 'museum' else 'plain' end
  from generate_series(1, ${customers}) n;
insert into tickets select n * 2 + i, n, 'Please call Person' || n || ' Canary at person' || n || '@canary.example'
  from generate_series(1, ${customers}) n, generate_series(0, 1) i;
insert into ticket_notes select id, id, 'called back' from tickets where id % 3 = 0;
insert into subscriptions select n, n, case when n = 7 then 'active' when n % 4 = 0 then 'overdue' else 'ended' end,
  case when n % 3 = 0 and n < ${customers - 10} then 'mandate-' || n end from generate_series(1, ${customers}) n;
insert into invoices select n * 2 + i, n, date '2026-03-01' - i * 400, n + i, 'Person' || n || ' Canary',
  'sent to person' || n || '@canary.example' from generate_series(1, ${customers}) n, generate_series(0, 1) i;
insert into events select n * 3 + i, n, timestamptz '2026-08-05T10:20:30Z' + i * interval '20 days', 'Town ' || n % 5,
  case when n % 2 = 0 then 'gold' else 'basic' end, n * 0.25, '/account?mail=person' || n || '%40canary.example'
  from generate_series(1, ${customers}) n, generate_series(0, 2) i;
insert into products select n, 'Thing ' || n from generate_series(1, 5) n;`;

const shopTriggers = `
create function remember() returns trigger language plpgsql as $$
begin
  insert into customer_audit (customer_id, action, old_row, new_row) values (old.id, tg_op, to_jsonb(old), to_jsonb(new));
  return null;
end $$;
create trigger remember after update or delete on customers for each row execute function remember();
create function stay() returns trigger language plpgsql as $$
begin
  raise exception using errcode = '23514', message = 'exhibits stay', constraint = 'exhibits_stay', table = 'customers';
end $$;
create trigger stay before update on customers for each row when (old.tier = 'museum') execute function stay();
create materialized view overview as
  select c.id, c.email, count(t.id) as tickets from customers c left join tickets t on t.customer_id = c.id group by c.id;
analyze;`;

export const shopPolicy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email, phone: phone, external_id: external_id }, names: [name] }
links:
  - customer_audit.customer_id -> customers.id
classes:
  voucher: { basis: 'HGB §257', period: P8Y, anchor: end-of-calendar-year }
tables:
  customers:
    treatment: anonymise
    columns:
      external_id: { set: null }
      email: { unique: 'erased-{random}@invalid' }
      name: { set: null }
      phone: { set: null }
      address_id: { set: null }
      tier: { stays: says what kind of customers there were }
  addresses: { treatment: erase }
  tickets: { treatment: erase }
  ticket_notes: { treatment: erase }
  subscriptions: { treatment: erase }
  invoices:
    treatment: retain
    class: voucher
    clock: issued_on
    columns: { customer_id: keep, issued_on: keep, amount: keep, name: { set: null }, note: { redact: identifiers } }
  events:
    treatment: anonymise
    columns:
      customer_id: { set: null }
      happened_at: { truncate: month }
      city: { set: null }
      plan: keep
      amount: keep
      url: { set: null }
    quasi: [city, plan]
    k: 2
    conserve: [count, sum(amount)]
    clock: happened_at
  customer_audit:
    treatment: anonymise
    columns: { customer_id: keep, action: keep, old_row: { set: null }, new_row: { set: null } }
  products: { treatment: keep, reason: no personal data }
blockers:
  - { code: ACTIVE_SUBSCRIPTION, when: { table: subscriptions, status: active }, then: block }
  - { code: OVERDUE, when: { table: subscriptions, status: overdue }, then: { set: { status: ended } } }
recipients:
  - { recipient: bank, task: revoke_mandate, table: subscriptions, reference: mandate }
figures:
  - { figure: Turnover, table: invoices, measure: sum(amount), equal: true }
  - { figure: Subscriptions, table: subscriptions, measure: count }
`;

/** Customers 1 to 6, 9 to 10 and those of the earlier night are known to the second store. */
const crmSql = (customers: number): string => `
create table contacts (id int primary key, email text unique not null, remark text);
create table calls (id int primary key, contact_id int not null references contacts on delete cascade, remark text);
insert into contacts select n, 'person' || n || '@canary.example', 'likes tea' from generate_series(1, ${customers}) n
  where n < 7 or n between 9 and 10 or n > ${customers - 10};
insert into calls select id, id, 'asked about tea' from contacts;`;

export const crmPolicy = `
policy: crm
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: contacts, key: id, identifiers: { email: email } }
tables:
  contacts: { treatment: erase }
  calls: { treatment: erase }
`;

const csv = (received: string, from: number, to: number): string => {
  const lines = Array.from({ length: to - from + 1 }, (_, index) => `${received},person${from + index}@canary.example`);
  return `received,email\n${lines.join("\n")}\n`;
};

export const earlierNight = "2026-09-27T02:30:00Z";
export const theNight = "2026-11-02T03:00:00Z";
/** Long enough after it that no clock can seem to have gone back, on the same day. */
export const nextAttempt = "2026-11-02T05:00:00Z";

/** The bytes of the dump of a day. */
export const dumpOf = (day: string): string => plainDump(day);
