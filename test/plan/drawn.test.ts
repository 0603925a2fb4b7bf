import { expect, test } from "vitest";
import { grantsFor } from "#init/grants.ts";
import { parsePolicy } from "#policy/parse.ts";
import { policyText } from "#test/execute/night.ts";
import { catalogOfSchema, findingsBetween, placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const customers = "create table customers (id int primary key, email text);";
const own = "customer_id int references customers";
const rules = (columns: string, rest = "", more = "") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: anonymise, columns: { customer_id: { set: null }, ${columns} }${rest} }${more}`;
const ordered = ", order: random";

test.each([
  ["a random key of a day", "c date", "c: { rekey: random }", "", /needs a uuid, text, integer or bigint column/],
  ["a random key of too few values", "c smallint", "c: { rekey: random }", "", /needs a uuid, text/],
  ["a random key without room", "c varchar(19)", "c: { rekey: random }", "", /needs 20 characters/],
  ["a random key into a foreign key", "c int references customers", "c: { rekey: random }", "", /into a foreign key/],
  [
    "a random key that a check forbids",
    "c int check (c > 0)",
    "c: { rekey: random }",
    "",
    /check constraint .* forbids/,
  ],
  [
    "a random key where the database numbers",
    "c int generated always as identity",
    "c: { rekey: random }",
    "",
    /GENERATED ALWAYS/,
  ],
  ["an exchange of whom rows are of", "c int references customers", "c: { shuffle: [] }", "", /lead to somebody else/],
  ["an exchange of unique values in place", "c int unique", "c: { shuffle: [] }", "", /meet while they are exchanged/],
  ["an exchange of keys in place", "c int primary key", "c: { shuffle: [] }", "", /meet while they are exchanged/],
  ["an exchange within what has no order", "c int, j json", "c: { shuffle: [j] }, j: keep", "", /cannot tell which/],
])("%s is refused", async (_, column, columns, rest, message) => {
  const schema = `${customers} create table visits (${own}, ${column});`;
  const found = await findingsBetween(schema, { tables: rules(columns, rest) });
  expect(found).toEqual([expect.stringMatching(message)]);
});

test.each([
  ["c int generated always as identity primary key", "c: { rekey: random }", ordered],
  ["c int generated always as identity primary key", "c: { shuffle: [] }", ordered],
  ["c int unique", "c: { shuffle: [] }", ordered],
  ["c int primary key", "c: { rekey: random }", ""],
  ["c varchar(20) unique", "c: { rekey: random }", ""],
  ["c timestamptz, d int unique", "c: { shuffle: [] }, d: keep", ""],
])("%s can be %s", async (column, columns, rest) => {
  const schema = `${customers} create table visits (${own}, ${column});`;
  expect(await findingsBetween(schema, { tables: rules(columns, rest) })).toEqual([]);
});

test.each([
  ["of some rows, by itself", "create unique index on visits (c) where c > 3", "", true],
  ["by an expression", "create unique index on visits (abs(c))", "", true],
  ["that excludes", "alter table visits add exclude (c with =)", "", true],
  ["that waits for the commit", "alter table visits add unique (c) deferrable", "", true],
  ["of rows that another column tells", "create unique index on visits (c) where d is null", "", false],
  ["by another column, too", "alter table visits add exclude using gist (int4range(c, d) with &&)", "", false],
  [
    "of rows that a column tells within which it is shuffled",
    "create unique index on visits (c) where d = 1",
    "d",
    true,
  ],
])(
  "values under an index %s are exchanged only where rows are put in again, if at all",
  async (_, index, within, helps) => {
    const schema = `${customers} create table visits (${own}, c int, d int, e int); ${index};`;
    const found = (rest: string) =>
      findingsBetween(schema, { tables: rules(`c: { shuffle: [${within}] }, d: keep, e: keep`, rest) });
    const [inPlace, ...more] = await found("");
    expect(more).toEqual([]);
    expect(inPlace).toMatch(helps ? /meet while they are exchanged/ : /refuse each other by it and d/);
    expect(await found(ordered)).toEqual(
      helps ? [] : [expect.stringMatching(/visits_.* lets rows refuse each other by it and d/)],
    );
  },
);

test("an index of a single partition binds what is exchanged, one that only includes the column does not", async () => {
  const schema = (
    columns: string,
  ) => `${customers} create table visits (${own}, c int, d int, at date) partition by range (at);
    create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
    create unique index on visits_2025 (${columns};`;
  const found = (columns: string) =>
    findingsBetween(schema(columns), { tables: rules("c: { shuffle: [] }, d: keep, at: keep") });
  expect(await found("c)")).toEqual([expect.stringMatching(/meet while they are exchanged/)]);
  expect(await found("d) include (at)")).toEqual([]);
});

test("what is drawn is not beside what was there in a table into which a trigger writes, unless its rows go, too", async () => {
  const schema = (events = "update") => `${customers} create table visits (c uuid primary key, ${own}, d int);
    create table audit (was uuid, now uuid, customer_id int references customers);
    create function noted() returns trigger language plpgsql as $$ begin insert into audit values (old.c, new.c, new.customer_id); return new; end $$;
    create trigger noted after ${events} on visits for each row execute function noted();`;
  const found = async (audit: string, columns = "c: { rekey: random }, d: keep", rest = "", events?: string) =>
    findingsBetween(schema(events), { tables: rules(columns, rest, `\naudit: ${audit}`) });
  const kept = "{ treatment: keep, reason: technical }";
  const message = (column: string) => [
    `POLICY_CONTRADICTION visits.${column}: trigger noted writes into audit, which may keep what it said beside what it says now`,
  ];
  expect(await found(kept)).toEqual(message("c"));
  expect(await found(kept, "c: keep, d: { shuffle: [] }")).toEqual(message("d"));
  const anonymised = "{ treatment: anonymise, columns: { was: keep, now: keep, customer_id: { set: null } } }";
  expect(await found(anonymised)).toEqual(message("c"));
  expect(await found("{ treatment: erase }")).toEqual([]);
  expect(await found(kept, "c: keep, d: { set: null }")).toEqual([]);
  expect(await found(kept, undefined, ordered)).toEqual([]);
  expect(await found(kept, undefined, "", "delete")).toEqual([]);
});

test("a key that other rows refer to stays, whatever the database does on update; a link is a reference too", async () => {
  const schema = (clause: string) => `${customers} create table visits (c int primary key, ${own}, token text);
    create table hits (visit int references visits ${clause}, of text);`;
  const hits = "\nhits: { treatment: anonymise, columns: { visit: keep, of: keep } }";
  const referred = (clause: string) =>
    findingsBetween(schema(clause), { tables: rules("c: { rekey: random }, token: keep", "", hits) });
  expect(await referred("")).toEqual([expect.stringMatching(/rows of hits go on referring to what it said/)]);
  expect(await referred("on update cascade")).toEqual([
    expect.stringMatching(/rows of hits refer to it \(hits_visit_fkey\): the database would change them too/),
  ]);
  const linked = await findingsBetween(schema(""), {
    sections: "links: [hits.of -> visits.token]",
    tables: rules("c: keep, token: { rekey: random }", "", hits),
  });
  expect(linked).toEqual([
    expect.stringMatching(/visits\.token: rows of hits refer to it .*: they would no longer be found/),
  ]);
});

test("rows are not put in again where others refer to them, where triggers would fire, or of the subject's own table", async () => {
  const schema = `${customers} create table visits (c int primary key, ${own});
    create table hits (visit int references visits);
    create function noted() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger noted after insert on visits for each row execute function noted();
    create trigger touched before update on visits for each row execute function noted();`;
  const tables = `
customers: { treatment: anonymise, order: random, columns: { email: { set: null } } }
visits: { treatment: anonymise, order: random, columns: { customer_id: { set: null } } }
hits: { treatment: anonymise, columns: { visit: keep } }`;
  const found = await placedFindings(schema, { tables });
  expect(found.map(({ message }) => message).toSorted()).toEqual([
    expect.stringMatching(/^customers: rows of visits refer/),
    expect.stringMatching(/^customers: the subject's own row/),
    expect.stringMatching(/^visits: rows of hits refer to its rows \(hits_visit_fkey\)/),
    expect.stringMatching(/^visits: trigger noted would fire/),
  ]);
  expect(found.every(({ at }) => at.startsWith("order: random"))).toBe(true);
});

test("a table that takes no row for a marked subject takes none of theirs again", async () => {
  const found = await findingsBetween(
    `${customers} alter table customers add gone bool; create table visits (c int primary key, ${own});`,
    {
      sections: "deletion: { mode: archive, set: { gone: true }, refuse: [visits] }",
      tables: `
customers: { treatment: anonymise, columns: { email: { set: null }, gone: keep } }
visits: { treatment: anonymise, order: random, columns: { customer_id: keep } }`,
    },
  );
  expect(found).toEqual([expect.stringMatching(/`refuse` lets no row in/)]);
});

test("the role may take rows out and put them in where they are put in again", async () => {
  const catalog = await catalogOfSchema(`${customers} create table visits (c int primary key, ${own});`);
  const policy = parsePolicy("p.yaml", policyText({ tables: rules("c: { rekey: random }", ordered) }));
  const grants = grantsFor(policy, catalog, "lethe").filter((each) => each.includes("public.visits to"));
  expect(grants.filter((each) => !each.includes("maintain"))).toEqual([
    "grant delete on public.visits to lethe;",
    "grant insert on public.visits to lethe;",
    "grant update (customer_id, c) on public.visits to lethe;",
  ]);
});
