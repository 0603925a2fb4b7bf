import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const open = (k: number): Promise<Night> =>
  openNight({
    schema: `create table customers (id int primary key, email text unique);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 6) n;
      create table visits (id int primary key, customer_id int references customers, city text);
      insert into visits select n, n, 'Kiel' from generate_series(1, 6) n;`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: anonymise, quasi: [city], k: ${k}, columns: { customer_id: { set: null }, city: keep } }`,
  });
const person = (n: number) => ({ email: `p${n}@shop.example` });
const named = () => night.store.query("select id from visits where customer_id is not null order by id");

test("a k that is larger than the table lets everybody wait, says how many there are, and changes nothing", async () => {
  night = await open(1000);
  const refs = await night.ask(person(1), person(2));
  expect(await night.nightly()).toMatchObject({ outcome: "attention", requests: { failed: 2, done: 0 } });
  // Of six rows one is the person's own.
  const waits = {
    state: "failed",
    code: "ANONYMITY_BELOW",
    detail: { table: "visits", measured: { k: expect.any(Number) } },
  };
  const found = await night.requests(...refs);
  expect(found).toMatchObject([waits, waits]);
  for (const { detail } of found) expect(detail?.measured?.k).toBeLessThanOrEqual(6);
  expect(await named()).toHaveLength(6);
});

test("a quasi-identifier that the table lost stops the store at its place in the policy, and nothing is half done", async () => {
  night = await open(2);
  const [ref = ""] = await night.ask(person(1));
  await night.store.query("alter table visits drop column city");
  await expect(night.nightly()).rejects.toMatchObject({
    code: "POLICY_COLUMN_MISSING",
    message: expect.stringContaining("table visits has no column city"),
    place: { line: expect.any(Number), column: expect.any(Number) },
  });
  expect(await night.requests(ref)).toMatchObject([{ state: "approved" }]);
  expect(await named()).toHaveLength(6);
});

test("a threshold that was met last night and cannot be tonight lets the next person wait, and the night after lets them go", async () => {
  night = await open(3);
  const [first = ""] = await night.ask(person(1));
  await night.nightly(night.at("2026-11-02T02:00:00Z"));
  expect(await night.requests(first)).toMatchObject([{ state: "completed" }]);
  await night.store.query("update visits set city = 'Sylt' where id > 2");
  const [second = ""] = await night.ask(person(2));
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect(await night.requests(first, second)).toMatchObject([
    { state: "completed" },
    { state: "failed", code: "ANONYMITY_BELOW", detail: { measured: { k: 2 } } },
  ]);
  await night.store.query("update visits set city = 'Kiel' where id = 3");
  await night.nightly(night.at("2026-11-04T02:00:00Z"));
  expect(await night.requests(second)).toMatchObject([{ state: "completed" }]);
});
