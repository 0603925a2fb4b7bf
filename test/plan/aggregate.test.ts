import { expect, test } from "vitest";
import { grantsFor } from "#init/grants.ts";
import { parsePolicy } from "#policy/parse.ts";
import { policyText } from "#test/execute/night.ts";
import { catalogOfSchema, findingsBetween, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const source = `create table customers (id int primary key, email text);
  create table visits (id int primary key, customer_id int not null references customers, at timestamptz not null, city text, seconds int);`;
const target = (columns = "", key = "unique (month, city)") =>
  `create table counts (month date not null, city text, visits int, seconds bigint${columns}, ${key});`;
const tables = (aggregate = "", rest = "") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  quasi: [city]
  clock: at
  columns: { customer_id: keep, at: keep, city: keep, seconds: keep }
  aggregate: { into: counts, period: month, count: visits, sums: { seconds: seconds }, other: { city: other }${aggregate} }
  ${rest}`;

test("rows may be counted into a table that has a row for each class and period, also where the person's own row goes", async () => {
  expect(await findingsBetween(source + target(), { tables: tables() })).toEqual([]);
  expect(
    await findingsBetween(
      source + target(", id int generated always as identity, note text", "primary key (city, month)"),
      { tables: tables() },
    ),
  ).toEqual([]);
  const erased = tables().replace(
    "customers: { treatment: anonymise, columns: { email: { set: null } } }",
    "customers: { treatment: erase }",
  );
  expect(await findingsBetween(source + target(), { tables: erased })).toEqual([]);
});

test.each([
  ["a table that there is not", source, /^POLICY_TABLE_MISSING the store has no table counts/],
  [
    "a column that there is not",
    source + target().replace("visits int", "hits int"),
    /^POLICY_COLUMN_MISSING table counts has no column visits/,
  ],
  [
    "classes that nothing makes unique",
    source + target("", "check (visits > 0)"),
    /nothing makes city, month unique in counts/,
  ],
  [
    "more than classes made unique",
    source + target("", "unique (month, city, visits)"),
    /nothing makes city, month unique/,
  ],
  [
    "a class of another type",
    source + target().replace("city text", "city varchar(9)"),
    /visits\.city is text and counts\.city is character varying\(9\)/,
  ],
  [
    "a period that is no day",
    source + target().replace("month date", "month timestamptz"),
    /a period is named by its first day/,
  ],
  [
    "a count that is no number",
    source + target().replace("visits int", "visits text"),
    /counts\.visits is text, and cannot be added to/,
  ],
  [
    "a column of which nothing is known",
    source + target(", store text not null"),
    /nothing says what counts\.store is in a new row/,
  ],
  [
    "a count that is computed",
    source + target().replace("visits int", "visits int generated always as (1) stored"),
    /counts\.visits is generated/,
  ],
  [
    "rows without a period",
    source.replace("at timestamptz not null", "at timestamptz") + target(),
    /visits\.at may be empty/,
  ],
  [
    "rows to which others refer",
    `${source + target()} create table hits (visit int references visits);`,
    /rows of hits refer to rows that would go/,
  ],
  [
    "rows that a trigger copies",
    `${source + target()} create function f() returns trigger language plpgsql as $$ begin return old; end $$;
     create trigger copied before delete on visits for each row execute function f();`,
    /trigger copied fires when rows go/,
  ],
  [
    "counts among people's rows",
    source + target(", customer_id int references customers"),
    /POLICY_TABLE_UNCOVERED|belong to people/,
  ],
])("%s: refused", async (_, schema, message) => {
  const more = schema.includes("table hits") ? "\nhits: { treatment: keep, reason: hits }" : "";
  const found = await findingsBetween(schema, { tables: tables() + more });
  expect(found).toContainEqual(expect.stringMatching(message));
  expect(found.filter((each) => !message.test(each) && !each.includes("hits"))).toEqual([]);
});

test("a value for the others has to fit, and may be empty only where the column may", async () => {
  const band = (other: string) => ({
    tables: tables()
      .replace("quasi: [city]", "quasi: [seconds]")
      .replace("other: { city: other }", `other: { seconds: ${other} }`)
      .replace("sums: { seconds: seconds }, ", ""),
  });
  const schema = source + target("", "unique (month, seconds)").replace("seconds bigint", "seconds int not null");
  expect(await findingsBetween(schema, band("-1"))).toEqual([]);
  expect(await findingsBetween(schema, band("other"))).toEqual([
    expect.stringMatching(/seconds is integer and cannot hold what `other` says/),
  ]);
  expect(await findingsBetween(schema, band("null"))).toEqual([
    expect.stringMatching(/null into counts\.seconds, which is NOT NULL/),
  ]);
});

test("a class that is empty needs a key that knows what is empty; one that never is does not", async () => {
  const empty = { tables: tables().replace("city: other", "city: null") };
  const refused = expect.stringMatching(/counts\.city may be empty, and UNIQUE lets in any number of rows where it is/);
  expect(await findingsBetween(source + target(), empty)).toEqual([refused]);
  expect(await findingsBetween(source + target("", "unique nulls not distinct (month, city)"), empty)).toEqual([]);
  const index = "create unique index on counts (city, month) nulls not distinct;";
  expect(await findingsBetween(source + target() + index, empty)).toEqual([]);
  expect(await findingsBetween(source + target(), { tables: tables() })).toEqual([]);
});

test("the role may take rows out of the one table, and add to the other", async () => {
  const catalog = await catalogOfSchema(source + target());
  const grants = grantsFor(parsePolicy("p.yaml", policyText({ tables: tables() })), catalog, "lethe");
  expect(grants.filter((each) => /on public\.(visits|counts) to/.test(each) && !each.includes("maintain"))).toEqual(
    expect.arrayContaining([
      "grant delete on public.visits to lethe;",
      "grant insert on public.counts to lethe;",
      "grant update (visits, seconds) on public.counts to lethe;",
    ]),
  );
});
