import { afterEach, describe, expect, test } from "vitest";
import { closePool, kyselyOn, openPool, withClient } from "#db/pool.ts";
import { locate, standingElsewhere, type Wanted } from "#scope/locate.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let store: TestDatabase;
afterEach(() => store.drop());

const root = { table: "customers", key: "id", identifiers: { email: "email" }, names: [] } as const;

/** The keys that the answers have, in the order of the requests that `wanted` numbers from 1. */
const search = async (
  wanted: readonly Wanted[],
  how: typeof locate | typeof standingElsewhere = locate,
): Promise<readonly unknown[]> => {
  const pool = openPool({ url: store.url, applicationName: "test", label: "shop" });
  async function* values(): AsyncGenerator<Wanted> {
    yield* await Promise.resolve(wanted);
  }
  const found: unknown[] = [];
  await withClient(pool, async (client) => {
    await client.query("begin");
    for await (const rows of how(client, kyselyOn(client), root, values())) found.push(...rows);
    await client.query("commit");
  });
  await closePool(pool);
  return found;
};
const identities = (...keys: readonly string[]): readonly Wanted[] =>
  keys.map((value, index) => ({ request: index + 1, kind: "identity", value }));

describe("whom a request was found to mean is found by exactly that key", () => {
  test.each([
    ["text", ["cus_ab", "KÄ-1", "İd-1", " a 1", "a\u0308x"], ["CUS_AB", "kä-1", "a 1", "\u00e4x"]],
    ['text collate "C"', ["KÄ-1", "Straße"], ["kä-1", "STRASSE"]],
    ["varchar(6)", ["cus_ab"], ["CUS_AB", "cus_abc"]],
    ["char(6)", ["AbC"], ["abc", "AbC-1234"]],
    ["bytea", [String.raw`\xdeadbeef`], []],
    ["numeric", ["900719925474099312345"], ["9007199254740993123450"]],
    ["uuid", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], ["cus_ab"]],
    // The column has another type by now than the keys that were saved.
    ["int", ["7"], ["cus_7", "99999999999"]],
  ])("in a column of type %s", async (type, keys, none) => {
    const rows = keys.map((key) => `('${key}', 'x@shop.example')`).join(", ");
    store = await createDatabase(`create table customers (id ${type} primary key, email text);
      insert into customers values ${rows}`);
    const found = (await search(identities(...keys, ...none))) as { request: number; key: string }[];
    expect(found.map(({ request, key }) => [request, key])).toEqual(keys.map((key, index) => [index + 1, key]));
    expect(await search(identities(...none))).toEqual([]);
  });
});

test("an identifier stands elsewhere when a root row has it that is not the one which the request means", async () => {
  store = await createDatabase(`create table customers (id int primary key, email text);
    insert into customers values (1, 'ann@shop.example'), (2, 'Ann@Shop.example'), (3, 'bob@shop.example'), (4, 'cem@shop.example')`);
  const email = (request: number, value: string): Wanted => ({ request, kind: "email", value });
  const wanted = [
    ...identities("1", "3", "9"),
    email(1, "ann@shop.example"),
    email(2, "bob@shop.example"),
    email(3, "cem@shop.example"),
    email(3, "nobody@shop.example"),
  ];
  expect(await search(wanted, standingElsewhere)).toEqual(
    expect.arrayContaining([email(1, "ann@shop.example"), email(3, "cem@shop.example")]),
  );
  expect(await search(wanted, standingElsewhere)).toHaveLength(2);
});
