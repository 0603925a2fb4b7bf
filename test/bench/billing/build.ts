import type pg from "pg";
import { calendar } from "#demo/calendar.ts";
import { afterLoadSql, partitionsSql, schemaSql } from "#demo/schema.ts";
import { systemClock } from "#lib/clock.ts";

/** A number in 0 … modulus - 1 that is always the same for a row and a salt. */
const pick = (row: string, salt: number, modulus: number): string =>
  `(hashint8extended(${row}, ${salt}) & 2147483647) % ${modulus}`;

const months = 13;

/** The sample company's schema, filled by the server: some 37 rows a customer, with everything that Chargebee's constraints are about. */
const inserts = (customers: number): readonly string[] => {
  const rows = (perCustomer: number): string => `generate_series(1::bigint, ${Math.round(customers * perCustomer)}) n`;
  const owner = (row: string, prime: number): string => `1 + (${row} * ${prime}) % ${customers}`;
  const someone = (row: string, salt: number): string => `1 + ${pick(row, salt, customers)}`;
  return [
    `insert into products (id, sku, name, kind) select n, 'sku' || n, 'Thing ' || n, 'plan' from generate_series(1, 20) n`,
    `insert into prices (id, product_id, currency, amount, every) select n, n, 'EUR', 10 + n, 'year' from generate_series(1, 20) n`,
    `insert into benefits (id, name, kind) select n, 'Benefit ' || n, 'access' from generate_series(1, 5) n`,
    `insert into addresses (id, line1, postcode, city, country) select n, 'Seeweg ' || n, lpad((n % 99999)::text, 5, '0'), 'Kiel', 'DE' from ${rows(1)}`,
    // One in ten shares an address with the customer before; one in twenty belongs to a head office.
    `insert into customers (id, external_id, parent_id, first_name, last_name, email, phone, status, locale, country, default_address_id)
      select n, 'usr_' || n, case when n > 100 and n % 20 = 0 then 1 + (n % 97) end, 'Given' || n, 'Family' || n,
        'customer' || n || '@mail.example', '+4915' || lpad(n::text, 9, '0'), 'inactive', 'de', 'DE', case when n % 10 = 0 then n - 1 else n end
      from ${rows(1)} where n > 0`,
    `insert into payment_methods (id, customer_id, gateway, gateway_token, brand, last4, holder_name, created_at)
      select n, ${owner("n", 7919)}, 'stripe', 'pm_' || n, 'Visa', '4242', 'Given Family', '2025-01-01' from ${rows(1)}`,
    `insert into subscriptions (id, customer_id, price_id, payment_method_id, status, started_on, ended_on)
      select n, n, 1 + n % 20, case when n % 2 = 0 then ((n - 1) * 1) + 0 end, 'cancelled', '2024-01-01', '2025-06-01' from ${rows(0)} where false`,
    `insert into subscriptions (id, customer_id, price_id, status, started_on, ended_on)
      select n, ${owner("n", 7927)}, 1 + n % 20, 'cancelled', '2024-01-01', '2025-06-01' from ${rows(1)}`,
    `insert into benefit_grants (id, customer_id, benefit_id, subscription_id, granted_at)
      select n, s.customer_id, 1 + n % 5, s.id, '2024-01-02' from ${rows(1)} join subscriptions s on s.id = n`,
    `insert into gifts (id, gifter_id, recipient_id, subscription_id, message, status, sent_on)
      select n, ${someone("n", 5)}, s.customer_id, s.id, 'Enjoy', 'claimed', '2024-01-01' from ${rows(0.03)} join subscriptions s on s.id = n
      where ${someone("n", 5)} <> s.customer_id`,
    `insert into orders (id, customer_id, shipping_address_id, status, placed_on, total, currency)
      select n, c, case when n % 20 = 0 then ${someone("n", 6)} else c end, 'fulfilled', date '2024-01-01' + (n % 600)::int, 20, 'EUR'
      from (select n, ${owner("n", 7933)} as c from ${rows(1)}) o`,
    `insert into order_lines (order_id, position, product_id, quantity, unit_price) select id, 1, 1 + id % 20, 1, 20 from orders`,
    `insert into devices (id, serial, product_id, customer_id, status) select n, 'SN' || n, 1 + n % 20, ${owner("n", 7937)}, 'returned' from ${rows(0.2)}`,
    `insert into invoices (id, number, customer_id, subscription_id, issued_on, due_on, currency, billing_name, billing_street, billing_country, total, amount_due, status)
      select n, 'R' || n, ${owner("n", 7949)}, null, date '2023-01-01' + (n % 1000)::int, date '2023-02-01' + (n % 1000)::int, 'EUR',
        'Given Family', 'Seeweg', 'DE', 10 + n % 90, 0, 'paid' from ${rows(4)}`,
    `insert into invoice_lines (invoice_id, position, product_id, description, billed_on, quantity, amount)
      select id, 1, 1 + id % 20, 'Plan', issued_on, 1, total from invoices`,
    // Two in a hundred are paid by somebody else.
    `insert into payments (id, invoice_id, payer_id, amount, currency, status, paid_on)
      select id, id, case when id % 50 = 0 then ${someone("id", 7)} else customer_id end, total, 'EUR',
        case when id % 97 = 0 then 'refunded' else 'succeeded' end, issued_on from invoices`,
    `insert into credit_notes (id, number, customer_id, issued_on, amount, reason) select n, 'G' || n, i.customer_id, i.issued_on, 5, 'goodwill'
      from ${rows(0.2)} join invoices i on i.id = n`,
    // One in ten settles somebody else's invoice.
    `insert into credit_note_allocations (credit_note_id, invoice_id, amount, allocated_on)
      select id, case when id % 10 = 0 then 1 + ${pick("id", 8, customers * 4)} else id end, 5, issued_on from credit_notes`,
    `insert into wallets (id, customer_id, currency, balance, opened_on) select n, n, 'EUR', 0, '2024-01-01' from ${rows(0.5)}`,
    `insert into wallet_transactions (id, wallet_id, amount, kind, booked_on) select n, 1 + (n - 1) / 2, 5, 'top-up', '2024-01-02' from ${rows(1)}`,
    `insert into support_tickets (id, customer_id, subject, status, channel, opened_at)
      select n, ${owner("n", 7951)}, 'Question', 'closed', 'web', '2025-01-01' from ${rows(0.5)}`,
    `insert into ticket_messages (id, ticket_id, author, body, sent_at)
      select n, 1 + (n - 1) / 2, 'customer', 'Please look into my bill number ' || n, '2025-01-01' from ${rows(1)}`,
    `insert into sessions (id, user_ref, ip, user_agent, started_at)
      select 's' || n, 'usr_' || ${owner("n", 7963)}, '192.0.2.1', 'Mozilla/5.0', '2025-01-01' from ${rows(3)}`,
    `insert into consents (id, customer_id, purpose, granted_on) select n, ${owner("n", 7993)}, 'newsletter', '2024-01-01' from ${rows(1)}`,
    `insert into workflows (id, customer_id, kind, status, payload, started_at)
      select n, ${owner("n", 8009)}, 'welcome', 'finished', '{}', '2024-01-01' from ${rows(0.2)}`,
    `insert into analytics_events (occurred_at, customer_id, session_ref, event, country, city, plan, amount, device_id, url)
      select date_trunc('month', now()) - (n % ${months - 1}) * interval '1 month' + (n % 20) * interval '1 day', ${owner("n", 8011)}, 's' || n,
        'page_viewed', 'DE', 'Kiel', 'Pro', case when n % 5 = 0 then 7 else 0 end, 'dev' || n, 'https://shop.example/' || n from ${rows(10)}`,
  ].filter((insert) => !insert.endsWith("where false"));
};

/** Fills an empty database; `report` hears of each table. */
export const buildBilling = async (
  client: pg.Client,
  customers: number,
  report: (what: string) => void,
): Promise<void> => {
  const days = calendar(systemClock, "Europe/Berlin");
  await client.query("set synchronous_commit = off; set maintenance_work_mem = '512MB'");
  await client.query(`${schemaSql}\n${partitionsSql(days.today, months)}`);
  let rows = 0;
  for (const insert of inserts(customers)) rows += (await client.query(insert)).rowCount ?? 0;
  await client.query(afterLoadSql);
  await client.query("create table gateway_task (token text not null, task text not null)");
  await client.query("vacuum analyze");
  report(`${customers.toLocaleString("en-GB")} customers, ${rows.toLocaleString("en-GB")} rows and their history`);
};
