import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { archiveReader, type ArchiveVerdict } from "#backups/custom-dump.ts";
import { customDump } from "#test/backups/custom-dumps.ts";
import { incrementalBinaries, incrementalMissing } from "#test/backups/programs.ts";
import { debianBinaries, debianMissing, startDebianServer, type DebianServer } from "#test/flow/debian-server.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

const verdictOn = (archive: Uint8Array, size = archive.length): ArchiveVerdict => {
  const reader = archiveReader();
  for (let first = 0; first < archive.length; first += size)
    reader.write(Buffer.from(archive.subarray(first, first + size)));
  return reader.end();
};

describe("an archive of pg_dump, by its structure", () => {
  test.each([12, 13, 14, 15, 16])("of version 1.%i is complete as a whole, in whatever pieces it comes", (minor) => {
    const archive = customDump(3, minor);
    for (const size of [1, 2, 7, 64, archive.length]) expect(verdictOn(archive, size)).toBe("complete");
  });

  test("is broken wherever it is cut off, and with anything after its end", () => {
    const archive = customDump(2);
    for (let length = 0; length < archive.length; length += 1)
      expect([length, verdictOn(archive.subarray(0, length))]).toEqual([length, "broken"]);
    expect(verdictOn(Buffer.concat([archive, Buffer.alloc(1)]))).toBe("broken");
  });

  test("lacks nothing where it holds no data", () => {
    expect(verdictOn(customDump(0))).toBe("complete");
  });

  test("of a version that came later, or another kind, is not judged", () => {
    expect(verdictOn(customDump(1, 17))).toBe("unknown");
    const directory = customDump(1);
    directory[10] = 5;
    expect(verdictOn(directory)).toBe("unknown");
    const numberless = customDump(1);
    numberless[8] = 0;
    expect(verdictOn(numberless)).toBe("unknown");
  });

  test("is never called complete for its random bytes, nor does the reading fail", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
        const archive = Buffer.concat([customDump(1).subarray(0, 90), bytes]);
        expect(verdictOn(archive, size)).not.toBe("complete");
      }),
    );
  });
});

const schema = `create table customers (id int primary key, email text);
  insert into customers select n, 'person-' || n || '@example.org' from generate_series(1, 5000) n;
  create table empty (id int); create view someone as select * from customers;
  select lo_from_bytea(0, convert_to(repeat('a', 200000), 'UTF8')); select lo_from_bytea(0, 'b')`;

const whole = async (program: string, url: string): Promise<void> => {
  for (const args of [["-Z0"], [], ["--schema-only"], ["--data-only"], ["--section=pre-data"], ["-t", "empty"]]) {
    const { stdout } = await promisify(execFile)(program, ["-Fc", ...args, url], {
      encoding: "buffer",
      maxBuffer: 1e9,
    });
    expect([args, verdictOn(stdout), verdictOn(stdout, 8_192)]).toEqual([args, "complete", "complete"]);
    for (let part = 1; part < 60; part += 1)
      expect(verdictOn(stdout.subarray(0, Math.floor((stdout.length * part) / 60)))).toBe("broken");
    expect(verdictOn(stdout.subarray(0, -1))).toBe("broken");
  }
};

describe.skipIf(debianMissing !== undefined)("what the distribution's pg_dump writes", () => {
  let server: DebianServer;
  let url: string;
  beforeAll(async () => {
    server = await startDebianServer();
    url = `postgres://postgres:${server.password}@127.0.0.1:${server.port}/postgres`;
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(schema);
    await client.end();
  }, 60_000);
  afterAll(() => server.stop());

  test("is complete as a whole and broken when it is cut off", async () => {
    await whole(join(debianBinaries ?? "", "pg_dump"), url);
  });
});

describe.skipIf(incrementalMissing !== undefined)("what the newest pg_dump writes", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(schema);
  });
  afterAll(() => database.drop());

  test("is complete as a whole and broken when it is cut off", async () => {
    await whole(join(incrementalBinaries ?? "", "pg_dump"), database.url);
  });
});
