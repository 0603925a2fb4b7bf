import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

/** Only what the erasure makes of a city counts: nobody lives in `coast`. */
const schema = (cities: readonly string[]) => `
  create table customers (id int primary key, email text unique, age int check (age > 0));
  insert into customers select n, 'p' || n || '@shop.example', 30 from generate_series(1, ${cities.length}) n;
  create table visits (id int generated always as identity primary key, customer_id int references customers, city text);
  insert into visits (customer_id, city) select n, city from unnest('{${cities.join(",")}}'::text[]) with ordinality u (city, n);
`;
const tables = `
customers: { treatment: anonymise, columns: { email: { set: null }, age: keep } }
visits:
  treatment: anonymise
  quasi: [city]
  k: 3
  columns: { customer_id: { set: null }, city: { generalise: { map: { Sylt: coast, Kiel: port }, otherwise: inland } } }`;
const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `p${n + 1}@shop.example` }));
const states = async () => (await night.requests()).map(({ state }) => state);
const gathered = () => night.state.query("select count(*) from lethe.gathered");

test("people of different batches are each other's company, once the rest of the night is done", async () => {
  night = await openNight({
    schema: schema(["Sylt", "Kiel", "Kiel", "Sylt", "Kiel", "Sylt", "Bonn"]),
    tables,
    store: { batch: 3 },
  });
  await night.ask(...people(7));
  await night.nightly();
  expect(await states()).toEqual([...Array.from({ length: 6 }, () => "completed"), "failed"]);
  expect(await night.requests()).toMatchObject([
    ...Array.from({ length: 6 }, () => ({})),
    { code: "ANONYMITY_BELOW", detail: { store: "shop", table: "visits", measured: { k: 1 } } },
  ]);
  expect(await gathered()).toEqual([{ count: 0 }]);
  // Told once, at the end, and only to whom it applies.
  expect(await night.state.query("select count(*) from lethe.ledger_entry where kind = 'request.failed'")).toEqual([
    { count: 1 },
  ]);
});

test("who was parted by somebody else's failure goes together again", async () => {
  night = await openNight({
    schema: `${schema(["Sylt", "Kiel", "Sylt", "Sylt"])}
      create function refuse() returns trigger language plpgsql as $$ begin
        if old.id = 2 then raise exception 'no' using errcode = '23514'; end if; return new; end $$;
      create trigger refuse before update on customers for each row execute function refuse();`,
    tables,
  });
  await night.ask(...people(4));
  await night.nightly();
  expect(await states()).toEqual(["completed", "failed", "completed", "completed"]);
  const [, second] = await night.requests();
  expect(second?.code).toBe("CONSTRAINT_VIOLATED");
});

test("of more than a batch holds, those of one class are tried beside each other, as often as it helps", async () => {
  // Eight of the coast, whom pages of four would part: among thirty-two others who have no company at all.
  const cities = Array.from({ length: 40 }, (_, n) => (n % 5 === 0 ? "Sylt" : `c${n}`));
  night = await openNight({
    schema: `${schema(cities)} alter table visits add place text; update visits set place = case when city <> 'Sylt' then city end;`,
    tables: tables.replace("quasi: [city]", "quasi: [city, place]").replace("city: {", "place: keep, city: {"),
    store: { batch: 4 },
  });
  await night.ask(...people(40));
  await night.nightly();
  expect((await states()).map((state, n) => (state === "completed" ? n : -1)).filter((n) => n >= 0)).toEqual([
    0, 5, 10, 15, 20, 25, 30, 35,
  ]);
});
