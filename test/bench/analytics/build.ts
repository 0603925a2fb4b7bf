import type pg from "pg";

/** Of each customer so many events. */
const each = 20;

const schema = `
create table customers (id bigint primary key, email text);
create table events (
  id bigint primary key, customer_id bigint, session text, at timestamptz not null, event text not null, country text not null,
  plan text not null, amount numeric(10,2) not null, url text);`;

// After the rows, as every bulk load does it.
const constraints = `
create unique index on customers (email);
alter table events add foreign key (customer_id) references customers;
create index on events (customer_id);`;

/** A number in 0 … modulus - 1 that is always the same for a row and a salt. */
const pick = (salt: number, modulus: number): string => `(hashint8extended(n, ${salt}) & 2147483647) % ${modulus}`;

/** Fills an empty database with `events` events of a twentieth as many customers, in the order in which they happened. */
export const buildEvents = async (client: pg.Client, events: number, report: (what: string) => void): Promise<void> => {
  await client.query("set synchronous_commit = off");
  await client.query("set maintenance_work_mem = '512MB'");
  await client.query(schema);
  const customers = Math.ceil(events / each);
  await client.query(
    `insert into customers select n, 'customer' || n || '@mail.example' from generate_series(1::bigint, ${customers}) n`,
  );
  await client.query(`insert into events select n, 1 + (n * 7919) % ${customers}, 's' || md5(n::text),
      timestamptz '2025-01-01 00:00Z' + n * interval '1 second' * (57000000.0 / ${events}),
      (array['view', 'search', 'login', 'play', 'checkout'])[1 + ${pick(1, 5)}],
      (array['DE', 'FR', 'IT', 'ES', 'NL', 'AT', 'PL', 'SE'])[1 + ${pick(2, 8)}], (array['free', 'basic', 'pro'])[1 + ${pick(3, 3)}],
      ${pick(4, 50)} + 0.99, '/page/' || ${pick(5, 10_000)}
    from generate_series(1::bigint, ${events}) n`);
  report(`${events.toLocaleString("en-GB")} events of ${customers.toLocaleString("en-GB")} customers`);
  for (const statement of constraints.split(";").filter((part) => part.trim() !== "")) await client.query(statement);
  report("keys and indexes");
  await client.query("vacuum analyze");
};
