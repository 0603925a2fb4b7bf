import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { searchColumns, withSought } from "#clickhouse/search.ts";
import { inProcess } from "#test/clickhouse/columns-night.ts";
import { openStore, streamed } from "#test/clickhouse/columns-store.ts";
import type { Sought } from "#verify/sought.ts";

const sought: readonly Sought[] = [
  { request: 1, kind: "email", value: "ann.o'neil+shop@example.org" },
  { request: 2, kind: "phone", value: "+493012345678" },
  { request: 3, kind: "external_id", value: "cus_0001" },
  { request: 4, kind: "email", value: "jörg@xn--bcher-kva.example" },
];

describe.skipIf(!inProcess)("the search of a table of ClickHouse", () => {
  let store: Awaited<ReturnType<typeof openStore>>;
  beforeAll(async () => {
    store = await openStore();
  });
  afterAll(() => store.dispose());

  const searched = async (
    type: string,
    value: string,
  ): Promise<readonly [request: number, column: string, rows: number][]> => {
    const { client } = store;
    await client.run(`create or replace table web.t (n UInt8, c ${type}) engine = MergeTree order by n`);
    await client.run(`insert into web.t select 1, ${value}`);
    const table = (await readColumnCatalog({ name: "events", client })).tables.get("t");
    if (table === undefined) throw new TypeError("the table was just made");
    const hits = await withSought(client, "web.sought", streamed(sought), (profile) =>
      searchColumns(client, "web.sought", table, profile),
    );
    await client.run("drop table web.sought sync");
    return hits.map(({ request, column, rows }) => [request, column, rows]);
  };

  test.each([
    ["a whole cell", "String", "'ann.o''neil+shop@example.org'", 1],
    ["capitals", "String", "'ANN.O''Neil+Shop@Example.ORG'", 1],
    ["a sentence", "String", "'mail ann.o''neil+shop@example.org.'", 1],
    ["an address of a page", "String", "'/login?user=ann.o''neil%2Bshop%40example.org&x=1'", 1],
    ["few different texts", "LowCardinality(Nullable(String))", "'to: <ann.o''neil+shop@example.org>'", 1],
    ["an array", "Array(String)", "['x', 'ann.o''neil+shop@example.org']", 1],
    ["a map", "Map(String, String)", "map('user', 'ann.o''neil+shop@example.org')", 1],
    ["a tuple", "Tuple(a String, b UInt8)", "('cus_0001', 1)", 3],
    ["an id in text", "String", "'order of cus_0001, paid'", 3],
    ["a number with spaces", "String", "'call +49 30 1234-5678 now'", 2],
    ["a number as it is dialled", "String", "'tel:03012345678'", 2],
    ["a number beside another", "String", "'2026 030 12345678'", 2],
    ["an address with letters beyond ASCII", "String", "'jörg@bücher.example'", 4],
  ])("finds what is sought in %s", async (_, type, value, request) => {
    expect(await searched(type, value)).toEqual([[request, "c", 1]]);
  });

  test.each([
    ["somebody else's address", "String", "'joann.o''neil+shop@example.org'"],
    ["a longer id", "String", "'cus_00012'"],
    ["a longer number", "String", "'930123456789'"],
    ["digits of a version", "String", "'Chrome/1.49.30.1234.5678'"],
    ["a number", "UInt64", "493012345678"],
    ["nothing", "Nullable(String)", "null"],
  ])("does not take %s for it", async (_, type, value) => {
    expect(await searched(type, value)).toEqual([]);
  });
});
