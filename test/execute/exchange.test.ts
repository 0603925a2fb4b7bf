import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const customers = `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 16) n;
  create table visits (id int primary key, customer_id int references customers, x text, y text);
  insert into visits select n, n, 'v' || n, 'v' || n from generate_series(1, 16) n;`;
const anonymised = (rest: string) => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: anonymise, k: 2, columns: { customer_id: { set: null }, x: { shuffle: [] }, y: keep }${rest} }`;
const people = Array.from({ length: 16 }, (_, n) => ({ email: `p${n + 1}@shop.example` }));

test.each([
  ["a check", "alter table visits add constraint met check (x = y)", ""],
  [
    "a key over another column, too",
    "insert into visits select 100 + 16 * n + m, null, 'v' || m, 'v' || n from generate_series(1, 16) n, generate_series(1, 16) m where m <> n; alter table visits add constraint met unique (x, y)",
    ", order: random",
  ],
])(
  "an exchange that meets %s is not tried in smaller parts until nothing moves: it fails for all of them",
  async (_, constraint, rest) => {
    night = await openNight({ schema: `${customers} ${constraint}`, tables: anonymised(rest) });
    await night.ask(...people);
    await night.nightly();
    const failed = { state: "failed", code: "CONSTRAINT_VIOLATED", detail: { table: "visits", constraint: "met" } };
    expect(await night.requests()).toMatchObject(people.map(() => failed));
    expect(await night.store.query("select from visits where id <= 16 and customer_id = id and x = y")).toHaveLength(
      16,
    );
  },
);

test("what violates a constraint that has nothing to do with the exchange fails alone", async () => {
  night = await openNight({
    schema: `${customers} insert into visits values (100, null, 'w', 'gone'); create unique index met on visits (y) where id in (7, 100)`,
    tables: anonymised("").replace("y: keep", "y: { set: gone }"),
  });
  await night.ask(...people);
  await night.nightly();
  const failed = (await night.requests()).filter(({ code }) => code === "CONSTRAINT_VIOLATED");
  expect(failed).toMatchObject([{ detail: { constraint: "met" } }]);
  expect((await night.requests()).filter(({ state }) => state === "completed").length).toBeGreaterThan(12);
});

test("values under a key of some rows are exchanged when the rows are put in again", async () => {
  night = await openNight({
    schema: `${customers} create unique index on visits (lower(x)) where x > 'a'; alter table visits add exclude (x with =)`,
    tables: anonymised(", order: random"),
  });
  await night.ask(...people);
  await night.nightly();
  expect((await night.requests()).every(({ state }) => state === "completed")).toBe(true);
  const [moved] = await night.store.query(
    "select count(*)::int as rows, count(distinct x)::int as values, bool_or(x <> y) as any from visits",
  );
  expect(moved).toEqual({ rows: 16, values: 16, any: true });
});
