import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { searchDue } from "#anonymity/search/due/search-due.ts";
import { hierarchies, tables } from "#test/anonymity/search/due/company.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

/** Of 8 and 9 nobody asks for anything; the last rows are nobody's. By rows alone only 6 would wait. */
const schema = `
create table customers (id int primary key, email text unique);
insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 10) n;
create table visits (id int generated always as identity primary key, customer_id int references customers, city text, at date, plan text, seconds int);
create table notes (id int primary key, customer_id int references customers, said text);
insert into visits (customer_id, city, at) select who, city, day::date from (values
  (1, 'Kiel', '2026-01-05', 4), (2, 'Kiel', '2026-01-06', 4),
  (3, 'Sylt', '2026-01-05', 3), (4, 'Sylt', '2026-01-07', 1), (9, 'Sylt', '2026-01-01', 3),
  (5, 'Bonn', '2026-01-01', 2), (6, 'Bonn', '2026-01-01', 2), (8, 'Bonn', '2026-01-01', 5),
  (6, 'Bonn', '2026-03-03', 1),
  (7, 'Köln', '2026-05-03', 2), (6, 'Köln', '2026-05-05', 1), (9, 'Köln', '2026-05-01', 3),
  (10, 'Kiel', '2026-02-03', 2), (null, 'Kiel', '2026-02-01', 2)) v (who, city, day, times), generate_series(1, times);
`;
const asked = [1, 2, 3, 4, 5, 6, 7, 10];

it.each([
  ["everybody", [1, 2, 6, 7]],
  ["nameless", [1, 2, 3, 4, 5, 6, 7]],
])("a night makes exactly those wait of whom it was said, with several rows each, among %s", async (set, waits) => {
  const policy = tables(`anonymity_set: ${set}`).replace("at: keep", "at: { truncate: month }");
  night = await openNight({ schema, tables: policy });
  await night.ask(...asked.map((n) => ({ email: `p${n}@shop.example` })));
  const file = join(night.directory, "h.yaml");
  await writeFile(file, hierarchies);
  const none = { store: undefined, k: undefined, sensitive: undefined, l: undefined, t: undefined, suppress: 0 };
  const { now } = await searchDue(night.context, { table: "visits", hierarchies: file, ...none });
  // Who waits only because somebody else does is not held by k.
  const held = set === "everybody" ? waits.length - 1 : waits.length;
  expect(now).toMatchObject({ waits: waits.length, held: { people: held } });
  await night.nightly();
  const left = await night.store.query<{ id: number }>("select id from customers where email is not null order by id");
  expect(left.map(({ id }) => id).filter((id) => asked.includes(id))).toEqual(waits);
});
