import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readClockIndexes, type ClockIndex } from "#catalog/clock-index.ts";
import { withClient } from "#db/pool.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** Pages that hold one row each are large with few rows. */
const fill = (table: string, megabytes = 65): string =>
  `insert into ${table} (seen_on, pad) select date '2010-01-01' + n, repeat('x', 1500) from generate_series(1, ${megabytes * 128}) n`;
const columns = "(id int, seen_on date, pad text) with (fillfactor = 10)";

/** Makes a table of the name `visits` anew. */
const make = async (...statements: readonly string[]): Promise<void> => {
  await database.query("drop table if exists visits, archive.visits cascade");
  for (const statement of statements) await database.query(statement);
};
const read = async (table = "visits", clock = "seen_on"): Promise<Omit<ClockIndex, "table" | "clock">> => {
  const [found] = await withClient(database.pool, (client) => readClockIndexes(client, [{ table, clock }]));
  if (found === undefined) throw new Error("nothing was asked");
  const { table: _, clock: _also, ...rest } = found;
  return rest;
};
const missing = { indexed: false, proposal: ["create index concurrently on visits (seen_on);"] };

describe("a large table", () => {
  const large = [`create table visits ${columns}`, fill("visits")];

  test("without an index that serves gets a proposal, and what is proposed is enough", async () => {
    await make(...large);
    expect(await read()).toEqual(missing);
    for (const useless of [
      "(id, seen_on)",
      "(date_trunc('month', seen_on::timestamp))",
      "(seen_on) where id is null",
      "using hash (seen_on)",
    ]) {
      await database.query(`create index on visits ${useless}`);
      expect(await read(), useless).toEqual(missing);
    }
    for (const statement of missing.proposal) await database.query(statement);
    expect(await read()).toEqual({ indexed: true, proposal: [] });
  });

  test.each([
    "(seen_on desc, id)",
    "(seen_on) where seen_on is not null",
    "using brin (seen_on)",
    "using brin (id, seen_on)",
  ])("is served by an index %s", async (index) => {
    await make(...large, `create index on visits ${index}`);
    expect(await read()).toEqual({ indexed: true, proposal: [] });
  });

  test("whose index is not valid gets it built anew", async () => {
    await make(...large, "create index visits_seen on visits (seen_on)");
    await database.query("update pg_index set indisvalid = false where indexrelid = 'visits_seen'::regclass");
    expect(await read()).toEqual({ indexed: false, proposal: ["reindex index concurrently visits_seen;"] });
    await database.query("reindex index concurrently visits_seen");
    expect(await read()).toEqual({ indexed: true, proposal: [] });
  });

  test("of another schema, with names that have to be quoted, is named as it has to be written", async () => {
    await make(
      "create schema if not exists archive",
      `create table archive.visits (id int, "Seen On" date, seen_on date, pad text) with (fillfactor = 10)`,
      fill("archive.visits"),
    );
    const { proposal } = await read("archive.visits", "Seen On");
    expect(proposal).toEqual(['create index concurrently on archive.visits ("Seen On");']);
    for (const statement of proposal) await database.query(statement);
    expect(await read("archive.visits", "Seen On")).toEqual({ indexed: true, proposal: [] });
  });
});

describe("a partitioned table", () => {
  const partitioned = [
    "create table visits (id int, seen_on date, pad text) partition by range (seen_on)",
    "create table visits_old partition of visits for values from ('2010-01-01') to ('2020-01-01') with (fillfactor = 10)",
    "create table visits_late partition of visits for values from ('2020-01-01') to ('2040-01-01') partition by list (id)",
    "create table visits_rest partition of visits_late default with (fillfactor = 10)",
    "create table visits_none partition of visits_late for values in (7)",
    fill("visits"),
  ];

  test("gets an index of each partition that has rows first, then one that adopts them", async () => {
    await make(...partitioned);
    const { indexed, proposal } = await read();
    expect({ indexed, proposal }).toEqual({
      indexed: false,
      proposal: [
        "create index concurrently on visits_old (seen_on);",
        "create index concurrently on visits_rest (seen_on);",
        "create index on visits (seen_on);",
      ],
    });
    for (const statement of proposal) await database.query(statement);
    expect(await read()).toEqual({ indexed: true, proposal: [] });
    // One each, and one for the partition that has no rows.
    expect(
      await database.query(
        "select count(*)::int as n from pg_index where indrelid::regclass::text like 'visits_%' and indisvalid",
      ),
    ).toEqual([{ n: 4 }]);
  });

  test("is served by indexes of its partitions alone; one that only waits for them is not made twice", async () => {
    await make(...partitioned, "create index on only visits (seen_on)", "create index on visits_old (seen_on)");
    expect(await read()).toEqual({
      indexed: false,
      proposal: ["create index concurrently on visits_rest (seen_on);"],
    });
    await database.query("create index on visits_rest (seen_on)");
    expect(await read()).toEqual({ indexed: true, proposal: [] });
  });
});

test("a small table is better read as a whole: nothing is proposed", async () => {
  await make(`create table visits ${columns}`);
  expect(await read()).toEqual({ indexed: false, proposal: [] });
  await database.query(fill("visits", 60));
  expect(await read()).toEqual({ indexed: false, proposal: [] });
});
