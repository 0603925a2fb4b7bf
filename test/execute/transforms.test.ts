import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const subject =
  "{ table: customers, key: id, identifiers: { email: email, phone: phone, external_id: ext }, names: [first, last] }";

test("each transform leaves exactly what it says", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, phone text, ext text, first text, last text,
        label text default 'kept', day date, moment timestamp, instant timestamptz, city text, town text, level int, flag boolean);
      insert into customers select n, 'p' || n || '@shop.example', null, null, 'Pat', 'Lee' || n, 'kept', '2026-05-17',
        '2026-05-17 13:14:15', '2026-05-17 23:30:00+02', case n when 1 then 'Ulm' when 2 then 'Rom' end, 'Ulm', 7, true
      from generate_series(1, 4) n`,
    subject,
    tables: `customers: { treatment: anonymise, columns: {
      email: { unique: 'e-{random}@invalid' }, phone: { set: null }, ext: { set: null }, first: { set: 'gone' }, last: { set: null },
      label: keep, day: { truncate: month }, moment: { truncate: day }, instant: { truncate: year },
      city: { generalise: { map: { Ulm: south }, otherwise: elsewhere } }, town: { generalise: { map: {}, otherwise: null } },
      level: { set: 0 }, flag: { set: false } } }`,
  });
  await night.ask({ email: "p1@shop.example" }, { email: "p2@shop.example" }, { email: "p3@shop.example" });
  await night.nightly();
  const rows = await night.store.query(
    "select first, last, label, day::text, moment::text, instant::text, city, town, level, flag from customers order by id",
  );
  const treated = {
    first: "gone",
    last: null,
    label: "kept",
    day: "2026-05-01",
    moment: "2026-05-17 00:00:00",
    instant: "2025-12-31 23:00:00+00",
    town: null,
    level: 0,
    flag: false,
  };
  expect(rows.slice(0, 3)).toEqual([
    { ...treated, city: "south" },
    { ...treated, city: "elsewhere" },
    { ...treated, city: null },
  ]);
  expect(rows[3]).toMatchObject({
    first: "Pat",
    last: "Lee4",
    town: "Ulm",
    level: 7,
    instant: "2026-05-17 21:30:00+00",
  });
  const emails = (await night.store.query<{ email: string }>("select email from customers where id < 4")).map(
    ({ email }) => email,
  );
  expect(new Set(emails).size).toBe(3);
  for (const email of emails) expect(email).toMatch(/^e-[0-9a-f]{20}@invalid$/);
});

const texts: readonly (readonly [string, string])[] = [
  ["Julia Winter wrote", "[erased] [erased] wrote"],
  ["JULIA, _Julia_ and *winter*", "[erased], _[erased]_ and *[erased]*"],
  ["Juliane Winterson of Winterthur", "Juliane Winterson of Winterthur"],
  ["mail julia@shop.example.", "mail [erased]."],
  ["JULIA@Shop.Example or <julia@shop.example>", "[erased] or <[erased]>"],
  ["https://x.example/?to=julia%40shop.example&x=1", "https://x.example/?to=[erased]&x=1"],
  ["not anjulia@shop.example nor x.julia@shop.example", "not anjulia@shop.example nor x.[erased]@shop.example"],
  ["julia@shop.exampleton", "[erased]@shop.exampleton"],
  ["call +49 170 1234567", "call [erased]"],
  ["call 0170/1234567 or 0170-123 45 67", "call [erased] or [erased]"],
  ["call +49 (0)170 1234567 or 0049 170 1234567", "call [erased] or [erased]"],
  ["call +49\u00a0170\u00a01234567 or 0170\u20111234567", "call [erased] or [erased]"],
  ["call +49170123456, +491701234568, +4917012345678", "call +49170123456, +491701234568, +4917012345678"],
  ["ticket EX-1 but EX-12", "ticket [erased] but EX-12"],
  ["", ""],
];

test("redacting takes names, e-mail addresses and phone numbers out of text and leaves their neighbours alone", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, phone text, ext text, first text, last text);
      create table notes (id int primary key, customer_id int references customers, body text, short varchar(8), tags text[], ci varchar(200));
      insert into customers values (1, 'julia@shop.example', '+49 170 1234567', 'EX-1', 'Julia', 'Winter'),
        (2, 'other@shop.example', null, null, 'Julia', 'Other')`,
    subject,
    tables: `customers: { treatment: erase }
notes: { treatment: anonymise, columns: { customer_id: { set: null }, body: { redact: identifiers }, short: { redact: identifiers }, tags: { redact: identifiers }, ci: { redact: identifiers } } }`,
  });
  for (const [index, [text]] of texts.entries()) {
    await night.store.query(
      "insert into notes values ($1, 1, $2::text, 'Julia ok', array['Winter', null, 'sun', 'a julia'], $2::text)",
      [index, text],
    );
  }
  await night.store.query(
    "insert into notes values (100, 2, 'Julia Winter', null, null, null), (101, 1, null, null, '{}', null)",
  );
  await night.ask({ email: "julia@shop.example" });
  await night.erase();
  const rows = await night.store.query<{ body: string; short: string; tags: string[]; ci: string }>(
    "select body, short, tags, ci from notes where id < 100 order by id",
  );
  expect(rows.map(({ body }) => body)).toEqual(texts.map(([, expected]) => expected));
  expect(rows.map(({ ci }) => ci)).toEqual(texts.map(([, expected]) => expected));
  expect(rows[0]).toMatchObject({ short: "[erased]", tags: ["[erased]", null, "sun", "a [erased]"] });
  expect(await night.store.query("select body, tags from notes where id >= 100 order by id")).toEqual([
    { body: "Julia Winter", tags: null },
    { body: null, tags: [] },
  ]);
});

test("what was JSON stays JSON, whatever the person is called and however it is escaped", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, phone text, ext text, first text, last text);
      create table events (id int primary key, customer_id int references customers, data jsonb, old json, several jsonb[]);
      insert into customers values (1, 'julia@shop.example', '+49 170 1234567', '4711', 'Null', 'O"Hara')`,
    subject,
    tables: `customers: { treatment: erase }
events: { treatment: anonymise, columns: { customer_id: { set: null }, data: { redact: identifiers }, old: { redact: identifiers }, several: { redact: identifiers } } }`,
  });
  const documents: readonly (readonly [unknown, unknown])[] = [
    [
      { phone: 491701234567, neighbour: 4917012345678, half: 49170123.4567, ext: 4711, other: 47110 },
      { phone: "[erased]", neighbour: 4917012345678, half: "[erased]", ext: "[erased]", other: 47110 },
    ],
    [
      { a: null, b: true, c: "null and void" },
      { a: null, b: true, c: "[erased] and void" },
    ],
    ['line\njulia@shop.example\tO"Hara\\n', "line\n[erased]\t[erased]\\n"],
    [{ "julia@shop.example": [1, "0170 1234567", -3.5e-7] }, { "[erased]": [1, "[erased]", -3.5e-7] }],
    [491701234567, "[erased]"],
    ["julia@shop.example", "[erased]"],
    [{}, {}],
  ];
  for (const [index, [document]] of documents.entries()) {
    const text = JSON.stringify(document);
    await night.store.query(
      "insert into events values ($1, 1, $2::text::jsonb, $2::text::json, array[$2::text, null]::jsonb[])",
      [index, text],
    );
  }
  await night.store.query("insert into events values (100, 1, null, null, null)");
  await night.ask({ email: "julia@shop.example" });
  const summary = await night.nightly();
  expect(summary).toMatchObject({ outcome: "done", requests: { done: 1, failed: 0 } });
  const rows = await night.store.query<{ data: unknown; old: unknown; several: string }>(
    "select data, old, array_to_json(several) as several from events where id < 100 order by id",
  );
  expect(rows.map(({ data }) => data)).toEqual(documents.map(([, expected]) => expected));
  expect(rows.map(({ old }) => old)).toEqual(documents.map(([, expected]) => expected));
  expect(rows.map(({ several }) => several)).toEqual(documents.map(([, expected]) => [expected, null]));
});
