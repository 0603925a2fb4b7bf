/** People who live in Kiel and on Sylt; in the last rows whom nobody knows any more. */
export const schema = `
create table customers (id int primary key, email text unique);
insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 9) n;
create table visits (id int generated always as identity primary key, customer_id int references customers, city text, at date, plan text, seconds int);
insert into visits (customer_id, city, at, plan, seconds) values
  (1, 'Kiel', '2026-01-05', 'pro', 1), (1, 'Sylt', '2026-01-09', 'free', 2), (2, 'Sylt', '2026-01-06', 'pro', 3),
  (4, 'Kiel', '2026-03-03', 'pro', 4), (5, 'Kiel', '2026-03-03', 'free', 5), (6, 'Kiel', '2026-03-03', 'pro', 6),
  (7, 'Atlantis', '2025-01-01', 'free', 7), (8, 'Kiel', '2026-02-02', 'pro', 8),
  (null, 'north', '2026-01-01', 'free', 9), (null, 'north', '2026-01-01', 'pro', 10);
create table notes (id int primary key, customer_id int references customers, said text);
`;

export const tables = (rest = "", columns = "plan: keep, seconds: keep") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
notes: { treatment: erase }
visits:
  treatment: anonymise
  quasi: [city, at]
  k: 3
  columns: { customer_id: { set: null }, city: keep, at: keep, ${columns} }
  ${rest}`;

export const hierarchies = `hierarchies:
  city: { levels: [{ Sylt: north, Kiel: north, Bonn: west, Köln: west }] }
  at: { time: [month, quarter, year] }
`;
