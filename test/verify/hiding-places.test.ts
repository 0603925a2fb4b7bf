import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";
import { whileLocked } from "#test/execute/while-locked.ts";

const tables = `
customers:
  treatment: anonymise
  columns: { id: keep, email: { unique: 'erased-{random}@invalid' }, phone: { set: null }, external_id: { set: null } }
`;
const subject = "{ table: customers, key: id, identifiers: { email: email, phone: phone, external_id: external_id } }";
const customers = `
  create table customers (id int primary key, email text not null, phone text, external_id text);
  insert into customers select i, 'c' || i || '@example.com', '+49 30 9018200' || i, 'u' || i from generate_series(1, 9) i;
`;
// "=" and ":" are part of the one identifier and stand around the others.
const julia = { email: "julia.winter@example.com", phone: "+49 171 2345678", externalId: "crm=Jx:7719" };
const insertJulia = `insert into customers values (70, '${julia.email}', '${julia.phone}', '${julia.externalId}');`;

let night: Night;
afterEach(() => night.dispose());

/** Erases Julia in a store with more than the policy knows; returns where she was found: `table.column rows`. */
const foundIn = async (schema: string): Promise<string[]> => {
  night = await openNight({
    subject,
    tables,
    schema: `${customers} ${insertJulia} ${schema}`,
    store: { schemas: ["public", "audit"] },
  });
  await night.ask({ email: julia.email });
  await night.nightly();
  const rows = await night.state.query<{ place: string }>(
    "select table_name || '.' || column_name || ' ' || rows as place from lethe.residual order by 1",
  );
  const [request] = await night.requests();
  expect(request).toMatchObject(rows.length === 0 ? { code: null } : { state: "failed", code: "RESIDUAL" });
  expect(`${JSON.stringify(request)}${night.logged()}`).not.toMatch(/julia|2345678|7719/i);
  return rows.map(({ place }) => place);
};

test("finds an e-mail address in every kind of column of every table, declared or not", async () => {
  const found = await foundIn(`
    create extension citext;
    create domain address as text;
    create schema audit;
    create table audit.log (id int, entry jsonb, raw json, escaped json, markup xml);
    insert into audit.log values (1, '{"who": {"mail": ["${julia.email}"]}}', '{"mail":"${julia.email}"}',
      '{"mail":"julia.winter\\u0040example.com"}', '<a href="mailto:${julia.email}">x</a>');
    create table hide (id int, fixed char(80), short varchar(80), folded citext, derived address, list text[], nested citext[], words tsvector);
    insert into hide values (1, '${julia.email}', '${julia.email}', 'Julia.Winter@Example.COM', '${julia.email}',
      array['x', '${julia.email}'], array['y', 'Julia.Winter@Example.com']::citext[], to_tsvector('simple', '${julia.email}'));
    create table parts (id int, note text) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (10);
    create table parts_2 partition of parts for values from (10) to (20);
    insert into parts values (1, '${julia.email}'), (11, '${julia.email}'), (12, 'nobody@example.com');
    create materialized view seen as select id, note from parts;
  `);
  expect(found).toEqual([
    "audit.log.entry 1",
    "audit.log.escaped 1",
    "audit.log.markup 1",
    "audit.log.raw 1",
    "hide.derived 1",
    "hide.fixed 1",
    "hide.folded 1",
    "hide.list 1",
    "hide.nested 1",
    "hide.short 1",
    "hide.words 1",
    "parts.note 2",
    "seen.note 2",
  ]);
});

test("finds it inside text, however it is cased, enclosed or encoded, and leaves its neighbours alone", async () => {
  const spelled = [
    "She wrote (julia.winter@example.com), twice.",
    "JULIA.WINTER@EXAMPLE.COM",
    "mailto:julia.winter@example.com?subject=x",
    "email=julia.winter@example.com",
    "to:julia.winter@example.com|cc:nobody@example.com",
    "<julia.winter@example.com>;",
    "the end is julia.winter@example.com.",
    "https://shop.example/reset?mail=julia.winter%40example.com&x=1",
    "https://shop.example/reset?mail=JULIA.WINTER%40EXAMPLE.COM",
    "crm=Jx:7719",
    "see crm=Jx:7719, please",
    "CRM=JX:7719",
  ];
  const others = [
    "mei.julia.winter@example.com",
    "julia.winter@example.community",
    "julia.winter@example.com.au",
    "julia.winter@example.org",
    "crm=Jx:77190",
    "julia winter",
  ];
  const rows = [...spelled, ...others].map((text) => `('${text}')`).join(", ");
  expect(await foundIn(`create schema audit; create table told (t text); insert into told values ${rows};`)).toEqual([
    `told.t ${spelled.length}`,
  ]);
});

test("columns of every collation are read alike, beside each other and where a few long texts are repeated", async () => {
  const abroad = "julia@müller.example";
  const found = async (more: string): Promise<string[]> => {
    night = await openNight({
      subject,
      tables,
      schema: `${customers} insert into customers values (70, '${abroad}'); ${more}`,
    });
    await night.ask({ email: abroad });
    await night.nightly();
    return (
      await night.state.query<{ place: string }>(
        "select table_name || '.' || column_name || ' ' || rows as place from lethe.residual order by 1",
      )
    ).map(({ place }) => place);
  };
  expect(
    await found(`create table told (who name, code text collate "C", other text collate "und-x-icu", body text, lethe_rows text);
      insert into told (who, code, body) values ('a', 'b', 'write to ${abroad} now'), ('a', '${abroad.toUpperCase()}', '${abroad.toUpperCase()}');
      create table log (agent text);
      insert into log select case n % 3 when 0 then 'a program of theirs that calls itself ${abroad.toUpperCase()} in all that it does'
        else 'another program, which has a name that is long, number ' || n % 3 end from generate_series(1, 60000) n;
      analyze log`),
  ).toEqual(["log.agent 20000", "pg_stats.log.agent 1", "told.body 2", "told.code 1"]);
});

test("finds a telephone number in every spelling, and in no other number", async () => {
  const spelled = [
    "+491712345678",
    "+49 (0) 171 / 234-5678",
    "0049 171 2345678",
    "0171.2345678",
    "01712345678",
    "call 0171 234 56 78, or write",
    "tel:+49-171-2345678;",
    "0171 2345678 12.2024",
  ];
  const others = ["+49 171 2345679", "491712345678000000000012", "a1712345678b", "171", "0171 234"];
  const rows = [...spelled, ...others].map((text) => `('${text}')`).join(", ");
  const found = await foundIn(`create schema audit; create table told (t text); insert into told values ${rows};`);
  expect(found).toEqual([`told.t ${spelled.length}`]);
});

test("finds what PostgreSQL's own statistics still say", async () => {
  const found = await foundIn(`
    create schema audit;
    create table past (mail text);
    insert into past select '${julia.email}' from generate_series(1, 50);
    analyze past;
    alter table past set (autovacuum_enabled = off);
    delete from past;
  `);
  expect(found).toEqual(["pg_stats.past.mail 1"]);
});

test("statistics that somebody takes of the rows as they were are taken again when they are done", async () => {
  const schema = `${customers} ${insertJulia} alter table customers set (autovacuum_enabled = off);`;
  night = await openNight({ subject, tables, schema });
  await night.ask({ email: julia.email });
  await whileLocked(night.store, "analyze customers", () => night.nightly());
  expect(await night.requests()).toMatchObject([{ state: "completed", code: null }]);
  const statistics = "select histogram_bounds::text as values from pg_stats where attname = 'email'";
  const [found] = await night.store.query<{ values: string }>(statistics);
  expect(found?.values).toContain("c3@example.com");
  expect(found?.values).not.toContain(julia.email);
});

test("tells of an index over an expression with its table", async () => {
  const found = await foundIn(`
    create schema audit;
    create table past (mail text);
    create index past_mail_folded on past (lower(mail));
    insert into past select '${julia.email}' from generate_series(1, 50);
    analyze past;
    alter table past set (autovacuum_enabled = off);
    delete from past;
  `);
  expect(found).toEqual(["pg_stats.past.(past_mail_folded) 1", "pg_stats.past.mail 1"]);
});

test("a telephone that is also in a living customer's own row is theirs and no residual", async () => {
  const shared = `
    create schema audit;
    update customers set phone = '${julia.phone}' where id = 3;
    create table calls (number text);
    insert into calls values ('0171 2345678')`;
  expect(await foundIn(shared)).toEqual([]);
  expect(await night.requests()).toMatchObject([{ state: "completed" }]);
});

test("a column that was cleaned by hand is searched again the next night, and the request ends", async () => {
  expect(
    await foundIn(`create schema audit; create table told (t text); insert into told values ('${julia.email}')`),
  ).toEqual(["told.t 1"]);
  await night.store.query("delete from told");
  const summary = await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect(summary).toMatchObject({ outcome: "done", residuals: 0, requests: { done: 1, failed: 0 } });
  expect(await night.state.query("select from lethe.request_identifier")).toEqual([]);
});
