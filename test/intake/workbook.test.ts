import Excel from "exceljs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deflateRawSync } from "node:zlib";
import { importFile } from "#intake/import-file.ts";
import { chunksOfFile, type NumberedRecord } from "#intake/records.ts";
import { zipContent, zipEntries } from "#intake/zip.ts";
import { toDate } from "#lib/clock.ts";
import { testContext, type TestContext } from "#test/support/context.ts";
import { Temporal } from "temporal-polyfill";

let t: TestContext;
beforeAll(async () => {
  t = await testContext({ now: "2026-11-02T02:00:00Z" });
});
afterAll(() => t.dispose());

const at = (name: string): string => join(t.directory, name);
const date = (text: string) => toDate(Temporal.Instant.from(text));

const workbook = async (rows: readonly (readonly Excel.CellValue[])[], name = "requests.xlsx"): Promise<string> => {
  const book = new Excel.Workbook();
  const sheet = book.addWorksheet("requests");
  for (const row of rows) sheet.addRow([...row]);
  book.addWorksheet("second").addRow(["ignored"]);
  await book.xlsx.writeFile(at(name));
  return at(name);
};

const recordsIn = async (file: string): Promise<NumberedRecord[]> => {
  const records: NumberedRecord[] = [];
  for await (const chunk of chunksOfFile(file)) records.push(...chunk.records);
  return records;
};

const refused = async (content: Uint8Array | string, name = "requests.xlsx"): Promise<unknown> => {
  await writeFile(at(name), content);
  return importFile(t.context, at(name)).catch((error: unknown) => error);
};

test("a workbook's first sheet is read as text: dates, numbers, rich text, links, gaps", async () => {
  const file = await workbook([
    ["received", "key", "email"],
    [date("2026-10-05T00:00:00Z"), 4711, "a@example.com"],
    [],
    [
      "2026-10-06",
      { richText: [{ text: "k-" }, { text: "\u00fc" }] },
      { text: "b@example.com", hyperlink: "mailto:x@y.z" },
    ],
    [date("2026-10-07T08:30:00Z"), null, true],
    ["2026-10-08"],
    ["2026-10-09", { formula: "1+1", result: 2 }, 2 ** 53],
  ]);
  expect(await recordsIn(file)).toEqual([
    { row: 1, line: 2, cells: ["2026-10-05", "4711", "a@example.com"] },
    { row: 2, line: 4, cells: ["2026-10-06", "k-\u00fc", "b@example.com"] },
    { row: 3, line: 5, cells: ["2026-10-07T08:30:00.000", "", "true"] },
    { row: 4, line: 6, cells: ["2026-10-08", "", ""] },
    { row: 5, line: 7, cells: ["2026-10-09", "=", "="] },
  ]);
});

test("a workbook is imported like a CSV file, and again changes nothing", async () => {
  const file = await workbook([
    ["Received", "Email"],
    [date("2026-10-05T00:00:00Z"), "wb@example.com"],
    ["2026-10-05", { formula: 'HYPERLINK("x")', result: "wb2@example.com" }],
    ["2026-10-06", "WB@example.com"],
  ]);
  const result = await importFile(t.context, file);
  expect(result).toMatchObject({
    rows: 3,
    accepted: 1,
    repeated: 1,
    rejected: [{ line: 3, code: "FORMULA" }],
    already: false,
  });
  expect(await importFile(t.context, file)).toEqual({ ...result, already: true });
});

test("characters that two chunks of the archive share survive", async () => {
  const keys = Array.from({ length: 9000 }, (_, index) => `${"\u65e5\u{1f600}\u00fc".repeat(index % 5)}${index}`);
  const row = (number: number, cells: readonly string[]): string =>
    `<row r="${number}">${cells.map((cell, index) => `<c r="${"AB"[index]}${number}" ${cell}</c>`).join("")}</row>`;
  const text = (value: string): string => `t="str"><v>${value}</v>`;
  const shared = (value: number): string => `t="s"><v>${value}</v>`;
  const sheet = (cell: (key: string, index: number) => string): Buffer =>
    Buffer.from(
      `<worksheet><sheetData>${row(1, [text("received"), text("key")])}${keys
        .map((key, index) => row(index + 2, [text("2026-10-05"), cell(key, index)]))
        .join("")}</sheetData></worksheet>`,
    );
  const strings = Buffer.from(`<sst>${keys.map((key) => `<si><t>${key}</t></si>`).join("")}</sst>`);

  await writeFile(at("inline.xlsx"), zip(parts(sheet(text))));
  expect((await recordsIn(at("inline.xlsx"))).map(({ cells }) => cells[1])).toEqual(keys);
  // Behind the sheet, where Excel puts them.
  await writeFile(
    at("shared.xlsx"),
    zip([...parts(sheet((_, index) => shared(index))), ["xl/sharedStrings.xml", strings]]),
  );
  expect((await recordsIn(at("shared.xlsx"))).map(({ cells }) => cells[1])).toEqual(keys);
});

test.each([
  ["text", "received,email\n"],
  ["an old workbook", Buffer.from("d0cf11e0a1b11ae1", "hex")],
  ["the beginning of an archive", Buffer.from("PK\u0003\u0004 and no more")],
  ["an empty archive", Buffer.from(`504b0506${"00".repeat(18)}`, "hex")],
])("%s is no workbook", async (_, content) => {
  expect(await refused(content)).toMatchObject({ code: "IMPORT_NOT_A_WORKBOOK" });
});

test("a zip of something else is no workbook", async () => {
  expect(await refused(zip([["word/document.xml", Buffer.from("<w:document/>")]]))).toMatchObject({
    code: "IMPORT_NOT_A_WORKBOOK",
  });
});

test("a workbook that was cut off or damaged is refused before anything enters", async () => {
  const keys = Array.from({ length: 2000 }, (_, index) => ["2026-10-05", `damaged-${index}`]);
  const whole = await readFile(await workbook([["received", "key"], ...keys]));
  expect(await refused(whole.subarray(0, whole.length - 100))).toMatchObject({ code: "IMPORT_NOT_A_WORKBOOK" });
  const damaged = Buffer.from(whole);
  damaged.fill(0xff, 3000, 3400);
  expect(await refused(damaged)).toMatchObject({ code: "IMPORT_NOT_A_WORKBOOK" });
  expect(await t.state.query("select from lethe.request_identifier where value like 'damaged-%'")).toHaveLength(0);
});

test("a zip bomb is refused by what it declares and by what comes out", async () => {
  const bomb = Buffer.from(
    `<worksheet><sheetData><row r="1"><c r="A1" t="str"><v>${"x".repeat(20 << 20)}</v></c></row></sheetData></worksheet>`,
  );
  const honest = zip(parts(bomb));
  expect(await refused(honest)).toMatchObject({ code: "IMPORT_NOT_A_WORKBOOK" });
  const lying = zip(parts(bomb), { declare: 1000 });
  expect(await refused(lying)).toMatchObject({ code: "IMPORT_NOT_A_WORKBOOK" });
});

test("inflating stops as soon as more comes out than the archive declares", async () => {
  await writeFile(at("lying.zip"), zip([["entry", Buffer.alloc(50 << 20)]], { declare: 1000 }));
  const handle = await open(at("lying.zip"));
  try {
    const [entry] = await zipEntries(handle);
    let bytes = 0;
    const read = async () => {
      for await (const chunk of zipContent(handle, entry ?? expect.fail())) bytes += chunk.length;
    };
    await expect(read()).rejects.toThrow("more than it declares");
    expect(bytes).toBe(0);
  } finally {
    await handle.close();
  }
});

test("a cell of megabytes and a row of 16,384 columns are refused", async () => {
  const row = (cells: string): Buffer =>
    Buffer.from(`<worksheet><sheetData><row r="1">${cells}</row></sheetData></worksheet>`);
  expect(await refused(zip(parts(row(`<c r="A1" t="str"><v>${"x".repeat(3 << 20)}</v></c>`))))).toMatchObject({
    code: "IMPORT_NOT_A_WORKBOOK",
  });
  expect(await refused(zip(parts(row('<c r="XFD1" t="str"><v>received</v></c>'))))).toMatchObject({
    code: "IMPORT_TOO_WIDE",
  });
});

/** The least that a workbook consists of, around a sheet. */
const parts = (sheet: Buffer): [string, Buffer][] => [
  [
    "xl/_rels/workbook.xml.rels",
    Buffer.from(
      '<Relationships><Relationship Id="rId1" Type="worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    ),
  ],
  ["xl/workbook.xml", Buffer.from('<workbook><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>')],
  ["xl/worksheets/sheet1.xml", sheet],
];

/** An archive, whose last entry may declare another size than it has. */
const zip = (files: readonly (readonly [string, Buffer])[], { declare }: { declare?: number } = {}): Buffer => {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [index, [name, content]] of files.entries()) {
    const packed = deflateRawSync(content);
    const size = declare !== undefined && index === files.length - 1 ? declare : content.length;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(size, 22);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(size, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, Buffer.from(name), packed);
    directory.push(entry, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, listing, end]);
};
