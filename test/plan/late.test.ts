import { expect, test } from "vitest";
import { findingsBetween, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const findings = (late: string, { visits = "city text", more = "" } = {}) =>
  findingsBetween(
    `create table customers (id int primary key, email text);
     create table visits (id int primary key, customer_id int references customers, ${visits}); ${more}`,
    {
      tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: anonymise, quasi: [city], late: ${late}, columns: { customer_id: { set: null }, city: keep } }
${more.includes("table notes") ? "notes: { treatment: keep, reason: nobody's }" : ""}`,
    },
  );

test("rows that may go, or be emptied, at the deadline are such as the schema lets go, or be empty", async () => {
  for (const late of ["wait", "suppress", "erase"]) expect(await findings(late)).toEqual([]);
  expect(await findings("suppress", { visits: "city text not null" })).toEqual([]);
  expect(await findings("erase", { visits: "city int not null" })).toEqual([]);
});

test.each([
  ["a NOT NULL column that cannot say `other`", { visits: "city int not null" }, /cannot hold/],
  ["one in which it does not fit", { visits: "city char(2) not null" }, /longer than character\(2\)/],
  ["one that a check forbids", { visits: "city text check (city is not null)" }, /check constraint .* forbids/],
  ["a generated one", { visits: "city text generated always as ('x') stored" }, /is generated/],
])("`suppress` is refused for %s", async (_, parts, message) => {
  expect(await findings("suppress", parts)).toEqual([expect.stringMatching(message)]);
});

test.each([
  [
    "that others refer to",
    "create table notes (id int primary key, visit_id int references visits);",
    /rows of notes refer to rows that would go \(notes_visit_id_fkey\)/,
  ],
  [
    "that a trigger copies when they go",
    `create function keep_copy() returns trigger language plpgsql as $$ begin return old; end $$;
     create trigger copies before delete on visits for each row execute function keep_copy();`,
    /trigger copies fires when rows go/,
  ],
  [
    "whose deletion a rule replaces",
    "create rule keeps as on delete to visits do instead nothing;",
    /rule keeps of visits/,
  ],
])("rows %s cannot go at the deadline, which both ways may come to", async (_, more, message) => {
  for (const late of ["suppress", "erase"]) {
    const found = await findings(late, { more });
    expect(found.filter((each) => message.test(each))).toHaveLength(1);
  }
  expect((await findings("wait", { more })).filter((each) => message.test(each))).toEqual([]);
});
