import type pg from "pg";

/** How many rows there are, by the number of customers: 34 a customer, 17 million for half a million customers. */
const perCustomer = {
  addresses: 2,
  payment_methods: 1,
  subscriptions: 1,
  sessions: 5,
  invoices: 4,
  analytics_events: 20,
} as const;

const schema = `
create table customers (
  id bigint primary key, external_id text not null, email text not null, phone text, first_name text, last_name text,
  birth_date date, company text, country text not null, locale text not null, created_at timestamptz not null);
create table addresses (
  id bigint primary key, customer_id bigint not null, kind text not null, street text not null, postcode text not null,
  city text not null, country text not null);
create table payment_methods (
  id bigint primary key, customer_id bigint not null, brand text not null, last4 text not null, holder text not null,
  token text not null, expires_on date not null);
create table subscriptions (
  id bigint primary key, customer_id bigint not null, plan text not null, status text not null, price numeric(10,2) not null,
  started_on date not null, ended_on date, note text);
create table sessions (
  id bigint primary key, customer_id bigint not null, token text not null, ip text not null, user_agent text not null,
  started_at timestamptz not null, ended_at timestamptz not null);
create table invoices (
  id bigint primary key, customer_id bigint not null, number text not null, issued_on date not null,
  amount numeric(12,2) not null, tax numeric(12,2) not null, currency text not null, billing_name text, billing_street text,
  billing_city text, billing_country text not null);
create table analytics_events (
  id bigint primary key, customer_id bigint, occurred_at timestamptz not null, name text not null, country text,
  plan text, amount numeric(12,2) not null, url text, user_agent text, ip text, device_id text);`;

// After the rows, as every bulk load does it.
const constraints = `
create unique index on customers (email);
create unique index on customers (external_id);
alter table addresses add foreign key (customer_id) references customers;
alter table payment_methods add foreign key (customer_id) references customers;
alter table subscriptions add foreign key (customer_id) references customers;
alter table sessions add foreign key (customer_id) references customers;
alter table invoices add foreign key (customer_id) references customers;
alter table analytics_events add foreign key (customer_id) references customers;
create index on addresses (customer_id);
create index on payment_methods (customer_id);
create index on subscriptions (customer_id);
create index on sessions (customer_id);
create index on invoices (customer_id);
create index on analytics_events (customer_id);
create unique index on invoices (number);`;

/** A number in 0 … modulus - 1 that is always the same for a row and a salt: no generator state, no order of calls. */
const pick = (row: string, salt: number, modulus: number): string =>
  `(hashint8extended(${row}, ${salt}) & 2147483647) % ${modulus}`;

const oneOf = (row: string, salt: number, values: readonly string[]): string =>
  `(array[${values.map((value) => `'${value}'`).join(", ")}])[1 + ${pick(row, salt, values.length)}]`;

const agents = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
];
const firstNames = ["Anna", "Ben", "Carla", "David", "Elif", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Luca"];
const lastNames = ["Albrecht", "Bauer", "Costa", "Dubois", "Eriksen", "Ferrari", "Garcia", "Haas", "Ivanova", "Jansen"];
const countries = ["DE", "DE", "DE", "AT", "CH", "FR", "NL", "IT", "ES", "PL"];
const cities = ["Berlin", "Wien", "Paris", "Utrecht", "Milano", "Madrid", "Zürich", "Lyon", "Graz", "Leipzig"];
const streets = ["Lindenstraße", "Hauptstraße", "Rue de la Paix", "Gartenweg", "Via Roma", "Kerkstraat"];
const plans = ["basic", "plus", "family", "business"];

const ip = (row: string, salt: number): string =>
  `'10.' || ${pick(row, salt, 256)} || '.' || ${pick(row, salt + 1, 256)} || '.' || ${pick(row, salt + 2, 256)}`;

const moment = (row: string, salt: number): string =>
  `timestamptz '2022-01-01 00:00+00' + ${pick(row, salt, 126_000_000)} * interval '1 second'`;

const inserts = (customers: number): readonly string[] => {
  // A customer's rows lie scattered over the table, as rows do that came in over the years. A prime stride gives each as many.
  const owner = (row: string, prime: number): string => `1 + (${row} * ${prime}) % ${customers}`;
  const rows = (table: keyof typeof perCustomer): string =>
    `generate_series(1::bigint, ${customers * perCustomer[table]}) n`;
  return [
    `insert into customers select n, 'cus_' || substr(md5('x' || n), 1, 20),
      lower(${oneOf("n", 1, firstNames)} || '.' || ${oneOf("n", 2, lastNames)}) || n || '@mail' || ${pick("n", 3, 40)} || '.example',
      '+4915' || lpad(n::text, 9, '0'), ${oneOf("n", 1, firstNames)}, ${oneOf("n", 2, lastNames)},
      date '1950-01-01' + (${pick("n", 4, 20_000)})::int, case when n % 9 = 0 then 'Firma ' || n end,
      ${oneOf("n", 5, countries)}, 'de-DE', ${moment("n", 6)}
      from generate_series(1::bigint, ${customers}) n`,
    `insert into addresses select n, ${owner("n", 7919)}, ${oneOf("n", 10, ["billing", "shipping"])},
      ${oneOf("n", 11, streets)} || ' ' || 1 + ${pick("n", 12, 200)}, lpad((${pick("n", 13, 99_999)})::text, 5, '0'),
      ${oneOf("n", 14, cities)}, ${oneOf("n", 15, countries)} from ${rows("addresses")}`,
    `insert into payment_methods select n, ${owner("n", 7927)}, ${oneOf("n", 20, ["visa", "mastercard", "sepa"])},
      lpad((${pick("n", 21, 10_000)})::text, 4, '0'), ${oneOf("n", 22, firstNames)} || ' ' || ${oneOf("n", 23, lastNames)},
      'tok_' || md5('t' || n), date '2027-01-31' + (${pick("n", 24, 1_500)})::int from ${rows("payment_methods")}`,
    `insert into subscriptions select n, ${owner("n", 7933)}, ${oneOf("n", 30, plans)},
      ${oneOf("n", 31, ["cancelled", "expired"])}, 5 + ${pick("n", 32, 95)}, date '2022-01-01' + (${pick("n", 33, 1_000)})::int,
      date '2025-01-01' + (${pick("n", 34, 600)})::int, case when n % 20 = 0 then 'asked about the ' || ${oneOf("n", 35, plans)} || ' plan' end
      from ${rows("subscriptions")}`,
    `insert into sessions select n, ${owner("n", 7937)}, md5('s' || n), ${ip("n", 40)}, ${oneOf("n", 44, agents)},
      ${moment("n", 45)}, ${moment("n", 45)} + ${pick("n", 46, 7_200)} * interval '1 second' from ${rows("sessions")}`,
    `insert into invoices select n, ${owner("n", 7949)}, 'INV-' || lpad(n::text, 9, '0'), date '2019-01-01' + (${pick("n", 50, 2_700)})::int,
      ${pick("n", 51, 50_000)} / 100.0, ${pick("n", 51, 50_000)} * 19 / 11900.0, 'EUR',
      ${oneOf("n", 52, firstNames)} || ' ' || ${oneOf("n", 53, lastNames)}, ${oneOf("n", 54, streets)} || ' ' || ${pick("n", 55, 200)},
      ${oneOf("n", 56, cities)}, ${oneOf("n", 57, countries)} from ${rows("invoices")}`,
    `insert into analytics_events select n, ${owner("n", 7951)}, ${moment("n", 60)},
      ${oneOf("n", 61, ["page_viewed", "item_added", "checkout_started", "paid", "support_opened"])}, ${oneOf("n", 62, countries)},
      ${oneOf("n", 63, plans)}, case when n % 5 = 0 then ${pick("n", 64, 20_000)} / 100.0 else 0 end,
      'https://shop.example/' || ${oneOf("n", 65, ["product", "account", "search", "checkout"])} || '/' || ${pick("n", 66, 100_000)} || '?ref=' || substr(md5('u' || n), 1, 12),
      ${oneOf("n", 67, agents)}, ${ip("n", 68)}, 'dev_' || substr(md5('d' || ${pick("n", 72, customers)}), 1, 16) from ${rows("analytics_events")}`,
  ];
};

/** Creates and fills the seven tables in an empty database; `report` hears of each. */
export const buildShop = async (
  client: pg.Client,
  customers: number,
  report: (what: string) => void,
): Promise<{ readonly rows: number }> => {
  await client.query("set synchronous_commit = off");
  await client.query("set maintenance_work_mem = '512MB'");
  await client.query(schema);
  let rows = 0;
  for (const insert of inserts(customers)) {
    const { rowCount } = await client.query(insert);
    rows += rowCount ?? 0;
    report(`${/insert into (\w+)/.exec(insert)?.[1]}: ${(rowCount ?? 0).toLocaleString("en-GB")} rows`);
  }
  for (const statement of constraints.split(";").filter((each) => each.trim() !== "")) await client.query(statement);
  report("keys and indexes");
  await client.query("vacuum analyze");
  return { rows };
};
