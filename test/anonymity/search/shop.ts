import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Found } from "#anonymity/search/search-table.ts";
import { letheHere } from "#test/support/here.ts";
import type { Project } from "#test/support/project.ts";

/** A shop whose events are anonymised, and tables of odd values, of no rows, and of many numbers. */
export const schema = `
create table customers (id int primary key, email text not null);
create table events (id bigint primary key, customer_id int references customers, country text, at timestamptz not null,
  plan text, amount numeric(10,2), payload json);
insert into customers values (1, 'otto@example.org');
insert into events select n, 1, case when n <= 6 then 'DE' when n <= 9 then 'FR' else 'AT' end,
  timestamptz '2025-12-31 23:30:00+00' + n * interval '10 days', case when n % 2 = 0 then 'pro' else 'free' end, n % 3, '{}'
from generate_series(1, 12) n;
create table odd (f float8, m money, d date, s timestamp, empty text, one text);
insert into odd values
  ('NaN', -3.50, 'infinity', 'infinity', null, 'a'), ('Infinity', 2, '-infinity', '2025-01-01', null, 'a'),
  ('-Infinity', 4, '2025-01-01', '2025-02-01', null, 'a'), (-0.5, 4.99, '2025-03-01', '2025-02-28 23:59:59', null, 'a'), (null, null, null, null, null, null);
create table nobody (country text);
create table wide (a int, b int, c int, d int);
`;
export const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: anonymise, columns: { email: { unique: "erased-{random}@invalid" } } }
  events:
    treatment: anonymise
    quasi: [country, at]
    k: 3
    columns: { customer_id: { set: null }, country: keep, at: keep, plan: keep, amount: keep, payload: { set: null } }
`;

export const events = `hierarchies:
  country: { levels: [{ DE: DACH, AT: DACH, FR: other }] }
  at: { time: [month, quarter, year] }
`;

/** `lethe anonymity search` with a file of hierarchies, for people and as JSON. */
export const searchIn = (project: () => Project) => {
  const search = async (yaml: string, ...args: string[]) => {
    await writeFile(join(project().directory, "h.yaml"), yaml);
    return letheHere([...args, "--hierarchies", "h.yaml"], { cwd: project().directory });
  };
  const asJson = async (yaml: string, ...args: string[]) => {
    const { code, stdout } = await search(yaml, "--json", "anonymity", "search", ...args);
    return { code, document: JSON.parse(stdout) as Found & { readonly error: Record<string, unknown> } };
  };
  return { search, asJson };
};
