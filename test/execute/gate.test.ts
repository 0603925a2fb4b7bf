import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import ExcelJS from "exceljs";
import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = (people: number) => `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, ${people}) n;
  create table visits (id int generated always as identity primary key, customer_id int references customers, city text, plan text, seconds int);
`;
const tables = (rest: string, city = "keep") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  quasi: [city, plan]
  columns: { customer_id: { set: null }, city: ${city}, plan: keep, seconds: keep }
  ${rest}`;
const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `p${n + 1}@shop.example` }));
const left = () =>
  night.store.query("select id, customer_id as who from visits where customer_id is not null order by id");

test("who would be alone in a class waits with the numbers, and the others of the batch go", async () => {
  night = await openNight({
    schema: `${schema(6)}
      insert into visits (customer_id, city, plan, seconds)
        values (1, 'Kiel', 'pro', 1), (2, 'Kiel', 'pro', 2), (3, 'Kiel', 'pro', 3), (4, 'Sylt', 'pro', 4), (5, null, null, 5), (5, 'Kiel', 'pro', 6)`,
    tables: tables("k: 3"),
  });
  await night.ask(...people(6));
  const summary = await night.nightly();
  expect(summary).toMatchObject({ outcome: "attention", requests: { done: 4, failed: 2 } });
  const done = { state: "completed" };
  const alone = (k: number) => ({
    state: "failed",
    code: "ANONYMITY_BELOW",
    detail: { store: "shop", table: "visits", rows: 1, measured: { k }, hint: expect.stringContaining("every night") },
  });
  expect(await night.requests()).toMatchObject([done, done, done, alone(1), alone(1), done]);
  expect(await left()).toEqual([
    { id: 4, who: 4 },
    { id: 5, who: 5 },
    { id: 6, who: 5 },
  ]);
  expect(await night.store.query("select id from customers where email is not null order by id")).toEqual([
    { id: 4 },
    { id: 5 },
  ]);
});

test("the numbers are in the report, for the request and for whoever has to look at it", async () => {
  night = await openNight({
    schema: `${schema(4)} insert into visits (customer_id, city, seconds) select n, case when n < 4 then 'Kiel' else 'Sylt' end, n from generate_series(1, 4) n`,
    tables: tables("k: 3\n  sensitive: [seconds]\n  l: 2"),
  });
  const [, , , alone = ""] = await night.ask(...people(4));
  const { report } = await night.nightly();
  const document = JSON.parse(await readFile(join(report ?? "", "report.json"), "utf8")) as {
    failures: unknown[];
    analytics: { anonymity: unknown[] };
  };
  expect(document.failures).toMatchObject([
    { ref: alone, code: "ANONYMITY_BELOW", detail: { table: "visits", rows: 1, measured: { k: 1, l: 1 } } },
  ]);
  // The row of who waits is in the table still, and so is its class.
  expect(document.analytics.anonymity).toMatchObject([
    {
      table: "visits",
      threshold: 3,
      least: 2,
      most: null,
      k: 1,
      below: 1,
      touched: 3,
      before: { k: 1, classes: 2, rows: 4 },
      known: 1,
      met: false,
      label: "de-identified",
      reasons: ["small-classes", "few-values", "known-rows", "unmeasured-columns", "backups-unknown"],
    },
  ]);
  const workbook = new ExcelJS.Workbook();
  await workbook.xlsx.readFile(join(report ?? "", "report.xlsx"));
  const text = workbook.worksheets
    .flatMap((sheet) => sheet.getSheetValues())
    .map((row) => JSON.stringify(row))
    .join("\n");
  expect(text).toContain("shop: visits: k 1, l 1");
  expect(text).toContain(
    "1 row in classes of fewer than 3; a class with fewer than 2 values of a sensitive column; 1 row of people who are known; " +
      "columns by which somebody may be singled out, whatever k is: id; no backups are configured, so nobody knows what such hold",
  );
});

test("who waits goes in the night in which enough others go with them", async () => {
  night = await openNight({
    schema: `${schema(4)} insert into visits (customer_id, city) select n, case when n < 4 then 'Sylt' else 'Kiel' end from generate_series(1, 4) n`,
    tables: tables("k: 3", "{ generalise: { map: { Sylt: coast }, otherwise: inland } }"),
  });
  await night.ask(...people(2));
  await night.nightly();
  const waits = { state: "failed", code: "ANONYMITY_BELOW", detail: { measured: { k: 2 } } };
  expect(await night.requests()).toMatchObject([waits, waits]);
  expect(await left()).toHaveLength(4);

  await night.ask({ email: "p3@shop.example" }, { email: "p4@shop.example" });
  await night.nightly();
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([done, done, done, { ...waits, detail: { measured: { k: 1 } } }]);
  expect(await left()).toEqual([{ id: 4, who: 4 }]);
});

test("rows of the living count, since classes are of the whole table, and their own small classes stop nobody", async () => {
  night = await openNight({
    schema: `${schema(3)}
      insert into visits (customer_id, city, plan) values (1, 'Kiel', 'pro'), (2, 'Kiel', 'pro'), (3, 'Kiel', 'pro'), (3, 'Sylt', 'free')`,
    tables: tables("k: 3"),
  });
  await night.ask({ email: "p1@shop.example" });
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "completed" }]);
});

test("where only the nameless count, who is beside the living waits for others who go, and the report measures both", async () => {
  night = await openNight({
    schema: `${schema(4)} insert into visits (customer_id, city, plan) values (1, 'Kiel', 'pro'), (2, 'Kiel', 'pro'), (3, 'Kiel', 'pro'), (4, 'Kiel', 'pro'), (4, 'Sylt', 'pro')`,
    tables: tables("k: 3\n  anonymity_set: nameless"),
  });
  await night.ask(...people(2));
  await night.nightly();
  const waits = { state: "failed", code: "ANONYMITY_BELOW", detail: { measured: { k: 2 }, wait: { missing: 1 } } };
  expect(await night.requests()).toMatchObject([waits, waits]);
  await night.ask({ email: "p3@shop.example" });
  const { report } = await night.nightly();
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([done, done, done]);
  const document = JSON.parse(await readFile(join(report ?? "", "report.json"), "utf8")) as {
    analytics: { anonymity: unknown[] };
  };
  // Who is alone on Sylt lives, and has not asked for anything.
  expect(document.analytics.anonymity).toMatchObject([
    { k: 1, below: 1, nameless: { rows: 3, classes: 1, k: 3, below: 0 }, met: true, label: "de-identified" },
  ]);
});

test("what goes for others' sake makes a class too small for who is left in it, and they wait as well", async () => {
  // Both of Kiel need p2, who is alone on Sylt.
  night = await openNight({
    schema: `${schema(4)}
      insert into visits (customer_id, city) values (1, 'Kiel'), (2, 'Kiel'), (2, 'Sylt'), (3, 'Husum'), (4, 'Husum')`,
    tables: tables("k: 2", "{ generalise: { map: { Kiel: Kiel!, Sylt: Sylt!, Husum: Husum! }, otherwise: null } }"),
  });
  await night.ask(...people(4));
  await night.nightly();
  const waits = { state: "failed", code: "ANONYMITY_BELOW" };
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([waits, waits, done, done]);
  expect(await night.store.query("select city from visits order by id")).toEqual(
    ["Kiel", "Kiel", "Sylt", "Husum!", "Husum!"].map((city) => ({ city })),
  );
});

test("the rows of one person are no crowd: they count as one in their class, however many they are", async () => {
  night = await openNight({
    schema: `${schema(4)}
      insert into visits (customer_id, city) select 1, 'Sylt' from generate_series(1, 9);
      insert into visits (customer_id, city) values (2, 'Kiel'), (2, 'Kiel'), (3, 'Kiel'), (4, 'Kiel')`,
    tables: tables("k: 3"),
  });
  await night.ask(...people(4));
  await night.nightly();
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([
    { state: "failed", code: "ANONYMITY_BELOW", detail: { rows: 9, measured: { k: 1 } } },
    done,
    done,
    done,
  ]);
});

test("a row that two people of the batch share is one row", async () => {
  night = await openNight({
    schema: `${schema(3)}
      alter table visits add guest_id int references customers;
      insert into visits (customer_id, guest_id, city) values (1, 2, 'Sylt'), (1, 3, 'Kiel'), (3, null, 'Kiel')`,
    tables: `${tables("k: 2").replace("customer_id: { set: null },", "customer_id: { set: null }, guest_id: { set: null },")}
  owner: [customer_id, guest_id]`,
  });
  await night.ask(...people(3));
  await night.nightly();
  const waits = (rows: number) => ({ state: "failed", code: "ANONYMITY_BELOW", detail: { rows, measured: { k: 1 } } });
  expect(await night.requests()).toMatchObject([waits(1), waits(1), waits(2)]);
});

test("who has asked twice is nobody's company", async () => {
  night = await openNight({
    schema: `${schema(1)} alter table customers add phone text; update customers set phone = '+4943112345';
      insert into visits (customer_id, city) values (1, 'Sylt')`,
    subject: "{ table: customers, key: id, identifiers: { email: email, phone: phone } }",
    tables: tables("k: 2").replace("email: { set: null }", "email: { set: null }, phone: { set: null }"),
  });
  await night.ask({ email: "p1@shop.example" }, { phone: "+4943112345" });
  await night.nightly();
  const waits = { state: "failed", code: "ANONYMITY_BELOW", detail: { measured: { k: 1 } } };
  expect(await night.requests()).toMatchObject([waits, waits]);
});

test("l: a class in which everybody has the same is as good as a name", async () => {
  night = await openNight({
    schema: `${schema(4)}
      insert into visits (customer_id, city, seconds) values (1, 'Kiel', 7), (2, 'Kiel', 7), (3, 'Sylt', 1), (4, 'Sylt', null)`,
    tables: tables("k: 2\n  sensitive: [seconds]\n  l: 2"),
  });
  await night.ask(...people(4));
  await night.nightly();
  const alike = {
    state: "failed",
    code: "ANONYMITY_BELOW",
    detail: { table: "visits", rows: 1, measured: { k: 2, l: 1 } },
  };
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([alike, alike, done, done]);
});

test("t: a class whose values are far from those of the whole table tells about who is in it", async () => {
  night = await openNight({
    schema: `${schema(4)}
      insert into visits (customer_id, city, seconds) values (1, 'Kiel', 1), (2, 'Kiel', 2), (3, 'Sylt', 1), (4, 'Sylt', 100);
      insert into visits (city, seconds) select 'Husum', n from generate_series(1, 100) n`,
    tables: tables("k: 2\n  sensitive: [seconds]\n  t: 0.4"),
  });
  await night.ask(...people(4));
  await night.nightly();
  const far = { state: "failed", code: "ANONYMITY_BELOW", detail: { measured: { k: 2, t: expect.closeTo(0.48, 1) } } };
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([far, far, done, done]);
});

test.each([
  ["two who ask, with four rows each, when only nameless rows count", "nameless", "1 + n % 2", [1, 2]],
  [
    "one who asks beside somebody living with as many rows as it takes",
    "everybody",
    "case when n = 1 then 1 else 2 end",
    [1],
  ],
])("people count, and not their rows: %s, wait for others", async (_, set, whose, who) => {
  night = await openNight({
    schema: `${schema(2)} insert into visits (customer_id, city, plan) select ${whose}, 'Sylt', 'pro' from generate_series(1, 8) n`,
    tables: tables(`k: 5\n  anonymity_set: ${set}`),
  });
  await night.ask(...who.map((n) => ({ email: `p${n}@shop.example` })));
  await night.nightly();
  expect(await night.requests()).toMatchObject(
    who.map(() => ({ code: "ANONYMITY_BELOW", detail: { measured: { k: 2 }, wait: { missing: 3 } } })),
  );
  expect(await left()).toHaveLength(8);
});

test("rows of nobody count each: whose they were nobody can tell any more", async () => {
  night = await openNight({
    schema: `${schema(2)} insert into visits (customer_id, city, plan) select case when n = 1 then 1 end, 'Sylt', 'pro' from generate_series(1, 5) n`,
    tables: tables("k: 5\n  anonymity_set: nameless"),
  });
  await night.ask({ email: "p1@shop.example" });
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "completed" }]);
});

test("of who waits, night after night, nothing is recorded but that they wait, and nothing is exported", async () => {
  const recipients = [await identityToRecipient(await generateX25519Identity())];
  night = await openNight({
    schema: `${schema(4)} insert into visits (customer_id, city, plan) select n, case when n < 4 then 'Kiel' else 'Sylt' end, 'pro' from generate_series(1, 4) n`,
    tables: tables("k: 3"),
    recipients,
  });
  const refs = await night.ask(...people(4));
  await night.nightly();
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect(
    await night.state.query(
      "select kind, count(*) as n from lethe.ledger_entry where body::jsonb ->> 'request' = $1 group by 1 order by 1",
      [refs[3] ?? ""],
    ),
  ).toEqual(
    ["request.approved", "request.failed", "request.received", "request.verified"].map((kind) => ({ kind, n: 1 })),
  );
  expect(await night.state.query("select count(*) as n from lethe.export")).toEqual([{ n: 3 }]);
  expect(await readdir(join(night.directory, "exports"))).toHaveLength(3);
});
