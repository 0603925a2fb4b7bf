import type pg from "pg";

/** On this day the bench runs, whenever it runs: what is due is the same on all. */
export const today = "2026-11-02";

/** Of each table's rows so many are due. */
const dueShare = 0.02;

const schema = `
create table customers (id bigint primary key, email text not null, name text);
create table invoices (
  id bigint primary key, customer_id bigint not null, number text not null, issued_on date not null,
  amount numeric(12,2) not null, tax numeric(12,2) not null, currency text not null, billing_name text, billing_street text,
  billing_city text, billing_country text not null);
create table invoice_lines (
  id bigint primary key, invoice_id bigint not null, position int not null, billed_on date not null, article text not null,
  quantity int not null, amount numeric(12,2) not null);
create table payments (
  id bigint primary key, customer_id bigint not null, paid_at timestamptz not null, amount numeric(12,2) not null,
  method text not null, payer_name text, iban text);`;

// After the rows, as every bulk load does it.
const constraints = `
create unique index on customers (email);
create unique index on invoices (number);
alter table invoices add foreign key (customer_id) references customers;
alter table invoice_lines add foreign key (invoice_id) references invoices;
alter table payments add foreign key (customer_id) references customers;
create index on invoices (customer_id);
create index on invoices (issued_on);
create index on invoice_lines (invoice_id);
create index on invoice_lines (billed_on);
create index on payments (customer_id);
create index on payments (paid_at);`;

/** A number in 0 … modulus - 1 that is always the same for a row and a salt. */
const pick = (row: string, salt: number, modulus: number): string =>
  `(hashint8extended(${row}, ${salt}) & 2147483647) % ${modulus}`;

/** Row `n` of `rows` lies in the days from `first` on, nearly in the order in which rows came in. */
const dayOf = (n: string, first: string, days: number, rows: number): string =>
  `date '${first}' + (((${n} - 1) * ${days - 10} / ${rows}) + ${pick(n, 1, 10)})::int`;

/** The books of nine years, of which the first has just become due; payments of the years before it were treated in their time. */
const inserts = (retained: number): readonly string[] => {
  // A quarter are invoices, half are their lines, a quarter payments.
  const invoices = Math.round(retained / 4);
  const lines = 2 * invoices;
  const payments = invoices;
  const customers = Math.ceil(invoices / 10);
  const due = Math.round(invoices * dueShare);
  const earlier = Math.round(payments / 10);
  const issued = (n: string): string =>
    `case when ${n} <= ${due} then ${dayOf(n, "2017-01-01", 365, due)} else ${dayOf(`(${n} - ${due})`, "2018-01-01", 3_200, invoices - due)} end`;
  const rows = (count: number): string => `generate_series(1::bigint, ${count}) n`;
  return [
    `insert into customers select n, 'customer' || n || '@mail.example', 'Given Family' || n from ${rows(customers)}`,
    `insert into invoices select n, 1 + (n * 7919) % ${customers}, 'INV-' || lpad(n::text, 9, '0'), ${issued("n")},
      ${pick("n", 2, 50_000)} / 100.0, ${pick("n", 2, 50_000)} * 19 / 11900.0, 'EUR', 'Given Family' || ${pick("n", 3, 1_000)},
      'Hauptstraße ' || ${pick("n", 4, 200)}, 'Berlin', 'DE' from ${rows(invoices)}`,
    // One due invoice in fifty has a line of the year after, for which it waits; as many lines wait for their invoice.
    `insert into invoice_lines select n, invoice, 1 + n % 2, case when invoice <= ${due} and n % 100 = 0 then '2018-03-01'
        when invoice between ${due + 1} and ${due + Math.floor(due / 50)} and n % 2 = 1 then '2017-12-31' else ${issued("invoice")} end,
      'Article ' || ${pick("n", 5, 5_000)}, 1 + ${pick("n", 6, 5)}, ${pick("n", 7, 25_000)} / 100.0
      from ${rows(lines)} cross join lateral (select 1 + (n - 1) / 2 as invoice) i`,
    `insert into payments select n, 1 + (n * 7927) % ${customers}, ((case when n <= ${earlier} then ${dayOf("n", "2014-01-01", 1_100, earlier)}
        when n <= ${earlier + due} then ${dayOf(`(n - ${earlier})`, "2017-04-01", 365, due)}
        else ${dayOf(`(n - ${earlier + due})`, "2018-04-01", 3_130, payments - earlier - due)} end)
        + time '12:00') at time zone 'Europe/Berlin',
      ${pick("n", 8, 50_000)} / 100.0, 'sepa', case when n > ${earlier} then 'Given Family' || ${pick("n", 9, 1_000)} end,
      case when n > ${earlier} then 'DE' || lpad(n::text, 20, '0') end from ${rows(payments)}`,
  ];
};

/** Fills an empty database with customers and `retained` rows of their books; `report` hears of each table. */
export const buildBooks = async (
  client: pg.Client,
  retained: number,
  report: (what: string) => void,
): Promise<void> => {
  await client.query("set synchronous_commit = off");
  await client.query("set maintenance_work_mem = '512MB'");
  await client.query(schema);
  for (const insert of inserts(retained)) {
    const { rowCount } = await client.query(insert);
    report(`${/insert into (\w+)/.exec(insert)?.[1]}: ${(rowCount ?? 0).toLocaleString("en-GB")} rows`);
  }
  for (const statement of constraints.split(";").filter((each) => each.trim() !== "")) await client.query(statement);
  report("keys and indexes");
  await client.query("vacuum analyze");
};
