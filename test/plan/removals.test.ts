import { expect, test } from "vitest";
import { placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

type Parts = {
  /** What `notes.cart_id`, which refers to the carts, is besides. */
  readonly reference?: string;
  /** Further columns and tables. */
  readonly schema?: string;
  readonly notes?: string;
  readonly carts?: string;
  /** Remedies before and after the one that removes carts. */
  readonly before?: string;
  readonly after?: string;
  /** The line that removes carts. */
  readonly removal?: string;
};
const erase = "{ treatment: erase }";
const removal = "- { code: OPEN, when: { table: carts, status: open }, then: { remove: rows } }";

/** A policy that removes open carts, to which notes refer. */
const check = (parts: Parts) =>
  placedFindings(
    `create table customers (id int primary key, email text);
     create table carts (id int primary key, customer_id int references customers, status text);
     create table notes (id int primary key, cart_id int references carts ${parts.reference ?? ""}, kind text);
     ${parts.schema ?? ""}`,
    {
      tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
carts: ${parts.carts ?? erase}
notes: ${parts.notes ?? erase}`,
      blockers: [parts.before, parts.removal ?? removal, parts.after].filter((line) => line !== undefined).join("\n"),
    },
  );
const codes = async (parts: Parts) => (await check(parts)).map(({ code }) => code);
const refused = ["POLICY_CONTRADICTION"];

const all = "- { code: NOTES, when: { table: notes }, then: { remove: rows } }";
const unlinked = "- { code: NOTES, when: { table: notes, cart_id: { is_null: false } }, then: { unlink: cart_id } }";

test("a remedy that removes rows to which others refer is refused, unless one before it has seen to all of those", async () => {
  expect(await check({})).toEqual([
    {
      file: "shop.yaml",
      at: "then: { remove: rows } }",
      code: "POLICY_CONTRADICTION",
      message:
        "the remedy of OPEN would remove rows of carts to which rows of notes may still refer (notes_cart_id_fkey): the database would refuse it",
      hint: "declare before it a remedy without other conditions that removes rows of notes or unlinks cart_id; or set rows of carts instead of removing them, or let it block",
    },
  ]);
  expect(await codes({ before: all })).toEqual([]);
  expect(await codes({ before: unlinked })).toEqual([]);
  expect(await codes({ after: all })).toEqual(refused);
});

test("a remedy before it that takes only some of the rows that refer is not enough", async () => {
  expect(await codes({ before: all.replace("notes }", "notes, kind: y }") })).toEqual(refused);
  expect(await codes({ before: unlinked.replace("false", "true") })).toEqual(refused);
  expect(
    await codes({ before: all.replace("remove: rows", "set: { kind: done }").replace("notes }", "notes, kind: y }") }),
  ).toEqual(refused);
});

test.each([
  ["are erased", erase, []],
  ["let go", "{ treatment: anonymise, columns: { cart_id: { set: null }, kind: keep } }", []],
  ["stay and refer", "{ treatment: anonymise, columns: { cart_id: keep, kind: keep } }", refused],
  ["are left alone", "{ treatment: keep, reason: numbers }", refused],
])("where the check of the reference can wait, rows that %s by their own rule decide", async (_, notes, found) => {
  const carts = "{ treatment: anonymise, columns: { customer_id: keep, status: keep } }";
  expect(await codes({ reference: "deferrable", carts, notes })).toEqual(found);
  expect(await codes({ carts, notes })).toEqual(refused);
});

test("where the removed rows may be somebody else's, so may those that refer: their own rule does not reach them", async () => {
  const schema = "alter table carts add payer_id int references customers";
  const carts = "{ treatment: erase, owner: payer_id }";
  const others = removal.replace("}, then", "}, whose: customer_id, then");
  const [found] = await check({ schema, reference: "deferrable", carts, removal: others });
  expect(found).toMatchObject({
    code: "POLICY_CONTRADICTION",
    hint: "declare before it a remedy with whose: cart_id.customer_id and without other conditions that removes rows of notes or unlinks cart_id; or set rows of carts instead of removing them, or let it block",
  });
  expect(await codes({ schema, carts, removal: others, before: all })).toEqual(refused);
  expect(
    await codes({
      schema,
      carts,
      removal: others,
      before: all.replace("}, then", "}, whose: cart_id.customer_id, then"),
    }),
  ).toEqual([]);
});

test("rows of the same table refer to the removed ones too", async () => {
  const schema = (more: string) => `alter table carts add after_id int references carts ${more}`;
  const [found] = await check({ schema: schema(""), before: all });
  expect(found?.message).toContain("to which rows of carts may still refer (carts_after_id_fkey)");
  // They may be anybody's, and go at another time.
  expect(await codes({ schema: schema("deferrable"), before: all })).toEqual(refused);
  const carts = "{ treatment: erase, owner: [customer_id, after_id] }";
  const every = removal.replace(", status: open", "");
  expect(await codes({ schema: schema(""), before: all, carts })).toEqual(refused);
  expect(await codes({ schema: schema(""), before: all, carts, removal: every })).toEqual([]);
});

test("ON DELETE SET NULL into a column that is NOT NULL lets the database refuse as well", async () => {
  expect(await codes({ reference: "on delete set null" })).toEqual([]);
  expect(await codes({ reference: "on delete set null not null" })).toEqual(refused);
});
