import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test.each([
  ["hard", "", "completed"],
  ["scheduled", "deletion: { mode: scheduled, grace: P1D }", "scheduled"],
  ["soft-then-hard", "deletion: { mode: soft-then-hard, set: { status: gone }, grace: P1D }", "scheduled"],
])("whose rows cannot be read fails alone, and the others go on: %s", async (_, sections, others) => {
  night = await openNight({
    // Whoever looks for a row by a key that the shop calls broken is refused.
    schema: `create table broken (id int);
      create function is_whole(int) returns boolean language plpgsql as $$ begin return not exists (select from broken where id = $1); end $$;
      create domain customer_no as int check (is_whole(value));
      create table customers (id customer_no primary key, email text, status text);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 5) n;
      create table orders (id int primary key, customer_id customer_no not null references customers, status text);
      insert into orders select n, n, case n when 3 then 'open' else 'shut' end from generate_series(1, 5) n`,
    sections,
    tables:
      "customers: { treatment: anonymise, columns: { email: { set: null }, status: keep } }\norders: { treatment: erase }",
    blockers: "- { code: ORDER_OPEN, when: { table: orders, status: open }, then: block }",
    now: "2026-11-02T02:00:00Z",
  });
  await night.ask(...[1, 2, 3, 4, 5].map((n) => ({ email: `p${n}@shop.example` })));
  await night.store.query("insert into broken values (1)");
  await night.nightly();
  const other = { state: others };
  expect(await night.requests()).toMatchObject([
    { state: "failed", code: "CONSTRAINT_VIOLATED", detail: { store: "shop", sqlstate: "23514" } },
    other,
    { state: "blocked", code: "ORDER_OPEN" },
    other,
    other,
  ]);
});
