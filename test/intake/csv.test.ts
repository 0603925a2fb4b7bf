import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importFile } from "#intake/import-file.ts";
import { chunksOfFile, type NumberedRecord } from "#intake/records.ts";
import { isLetheError, type LetheError } from "#lib/errors.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let t: TestContext;
beforeAll(async () => {
  t = await testContext({ now: "2026-11-02T02:00:00Z" });
});
afterAll(() => t.dispose());

const file = async (content: string | Uint8Array, name = "requests.csv"): Promise<string> => {
  const path = join(t.directory, name);
  await writeFile(path, content);
  return path;
};
const take = async (content: string | Uint8Array) => importFile(t.context, await file(content));

const recordsIn = async (content: string | Uint8Array): Promise<NumberedRecord[]> => {
  const records: NumberedRecord[] = [];
  for await (const chunk of chunksOfFile(await file(content))) records.push(...chunk.records);
  return records;
};

const refusal = async (content: string | Uint8Array): Promise<LetheError> => {
  const error: unknown = await take(content).catch((thrown: unknown) => thrown);
  if (!isLetheError(error)) throw error;
  const counts = await t.state.query("select from lethe.request union all select from lethe.import_file");
  expect(counts).toHaveLength(0);
  return error;
};

describe("a CSV file", () => {
  test.each([
    ["commas", "received,email\n2026-10-05,a@example.com\n", 2],
    ["semicolons", "received;email\n2026-10-05;a@example.com\n", 2],
    ["tabs", "received\temail\n2026-10-05\ta@example.com\n", 2],
    ["a byte-order mark", "\ufeffreceived,email\n2026-10-05,a@example.com\n", 2],
    ["a byte-order mark before a quotation mark", '\ufeff"received",email\n2026-10-05,a@example.com\n', 2],
    ["lines that end as on Windows", "received,email\r\n2026-10-05,a@example.com\r\n", 2],
    ["lines that end as on an old Mac", "received,email\r2026-10-05,a@example.com\r", 2],
    ["no line ending at its end", "received,email\n2026-10-05,a@example.com", 2],
    ["quoted cells", '"received","email"\n"2026-10-05","a@example.com"\n', 2],
    ["blank lines", "\nreceived,email\n\n,\n2026-10-05,a@example.com\n\n", 5],
  ])("may have %s", async (_, content, line) => {
    expect(await recordsIn(content)).toEqual([{ row: 1, line, cells: ["2026-10-05", "a@example.com"] }]);
  });

  test("keeps characters that two chunks of the disk share", async () => {
    const keys = Array.from(
      { length: 5000 },
      (_, index) => `m\u00fcller-\u{1f600}-${"\u65e5".repeat(index % 7)}-${index}`,
    );
    const records = await recordsIn(`received,key\n${keys.map((key) => `2026-10-05,${key}\n`).join("")}`);
    expect(records.map(({ cells }) => cells[1])).toEqual(keys);
  });
});

describe("a wrong file is one error and changes nothing:", () => {
  test.each([
    ["empty", "", "IMPORT_EMPTY", undefined, undefined],
    ["nothing but a byte-order mark", "\ufeff", "IMPORT_EMPTY", undefined, undefined],
    ["nothing but a header", "received,email\n", "IMPORT_EMPTY", undefined, undefined],
    ["no header", "2026-10-05,julia@example.com\n", "IMPORT_HEADER", 1, 1],
    ["an unknown column", "received,email,note\n2026-10-05,a@example.com,x\n", "IMPORT_HEADER", 1, 3],
    ["a column twice", "received,email,Email\n2026-10-05,a@example.com,x\n", "IMPORT_HEADER", 1, 3],
    ["no day of receipt", "email\na@example.com\n", "IMPORT_HEADER", 1, undefined],
    ["nobody named", "received,ground\n2026-10-05,a\n", "IMPORT_HEADER", 1, undefined],
    [
      "a quotation mark inside a cell",
      'received,email\n2026-10-05,a@example.com\n2026-10-05,a"b\n',
      "IMPORT_MALFORMED",
      3,
      undefined,
    ],
    [
      "a quotation mark never closed",
      'received,email\n2026-10-05,"a@example.com\n2026-10-05,b@example.com\n',
      "IMPORT_MALFORMED",
      2,
      undefined,
    ],
    [
      "a quotation mark that only a later row closes",
      'received,email\n2026-10-05,"a\n2026-10-05,"b"\n',
      "IMPORT_MALFORMED",
      2,
      undefined,
    ],
    ["text behind a quotation mark", 'received,email\n2026-10-05,"a"@example.com\n', "IMPORT_MALFORMED", 2, undefined],
    ["100,000 columns", `${"received,".repeat(100_000)}\n`, "IMPORT_TOO_WIDE", 1, undefined],
    ["100,000 columns below the header", `received,email\n${",".repeat(100_000)}\n`, "IMPORT_TOO_WIDE", 2, undefined],
    ["65 columns", `received,email\n${"x,".repeat(64)}\n`, "IMPORT_TOO_WIDE", 2, undefined],
    ["one endless cell", `received,email\n2026-10-05,${"x".repeat(200_000)}\n`, "IMPORT_TOO_WIDE", 2, undefined],
  ] as const)("%s", async (_, content, code, line, column) => {
    const error = await refusal(content);
    expect([error.code, error.place?.line, error.place?.column]).toEqual([code, line, column]);
    expect(error.place?.file).toContain("requests.csv");
    expect(error.hint).not.toBe("");
    expect(`${error.message} ${error.hint}`).not.toMatch(/julia|@example/);
  });

  test.each([
    ["Latin-1", Buffer.from("received,external_id\n2026-10-05,ok\n2026-10-05,m\xfcller\n", "latin1"), 3],
    ["a character cut off at the end", Buffer.from([...Buffer.from("received,key\n2026-10-05,a"), 0xe2, 0x82]), 2],
    ["UTF-16", Buffer.from("\ufeffreceived,email\n", "utf16le"), 1],
    [
      "Latin-1 far down",
      Buffer.from(`received,key\n${"2026-10-05,k\n".repeat(20_000)}2026-10-05,\xe4\n`, "latin1"),
      20_002,
    ],
  ])("%s", async (_, content, line) => {
    const error = await refusal(content);
    expect([error.code, error.place?.line]).toEqual(["IMPORT_ENCODING", line]);
  });

  test("a missing file, or a directory", async () => {
    await expect(importFile(t.context, join(t.directory, "none.csv"))).rejects.toMatchObject({
      code: "IMPORT_UNREADABLE",
    });
    await expect(importFile(t.context, t.directory)).rejects.toMatchObject({ code: "IMPORT_UNREADABLE" });
  });
});
