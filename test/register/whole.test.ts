import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import exceljs from "exceljs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { withClient } from "#db/pool.ts";
import { addRequest } from "#intake/requests.ts";
import { collectRegister } from "#register/collect-register.ts";
import { exportRegister } from "#register/export-register.ts";
import { parsePeriod } from "#register/period.ts";
import type { Period, RegisterSource } from "#register/register-source.ts";
import { writeWhole } from "#register/whole-file.ts";
import { beginSnapshot } from "#report/collect.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import { registerReport } from "#reports/register.ts";
import { decide, fillRegister, openRegister } from "#test/register/fill-register.ts";
import { openWorkbook, rowsOf, sheetOf, textOf } from "#test/register/read-workbook.ts";
import type { TestContext } from "#test/support/context.ts";

vi.setConfig({ testTimeout: 120_000 });

let t: TestContext;
let folder: string;
let file: string;
beforeEach(async () => {
  t = await openRegister();
  folder = join(t.directory, "out");
  file = join(folder, "register.xlsx");
});
afterEach(() => t.dispose());

const everything = { from: null, to: null };
const files = () => readdir(folder).catch(() => []);

/** What is read in one snapshot, given to work that lasts as long. */
const collected = <T>(period: Period, work: (source: RegisterSource) => Promise<T>): Promise<T> =>
  withClient(t.context.state.pool, async (client) => {
    const result = await work(await collectRegister(t.context, await beginSnapshot(client), period));
    await client.query("rollback");
    return result;
  });

describe("the file", () => {
  test("is refused where something has its name, and what is there stays as it was", async () => {
    await addRequest(t.context, { email: "ada@example.org" });
    const first = await exportRegister(t.context, everything, file);
    const bytes = await readFile(file);
    await expect(exportRegister(t.context, everything, file)).rejects.toMatchObject({
      code: "FILE_EXISTS",
      hint: expect.stringContaining("--out"),
    });
    expect((await readFile(file)).equals(bytes)).toBe(true);
    expect(await files()).toEqual(["register.xlsx"]);
    expect(first).toMatchObject({ bytes: bytes.length, requests: { received: 1 } });
  });

  test("is one export's when two write to it at once", async () => {
    await addRequest(t.context, { email: "ada@example.org" });
    const both = await Promise.allSettled([1, 2].map(() => exportRegister(t.context, everything, file)));
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(both.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "FILE_EXISTS" } });
    expect(await files()).toEqual(["register.xlsx"]);
    expect(rowsOf(sheetOf(await openWorkbook(file), "Requests"))).toHaveLength(1);
  });

  test("is not there when somebody stops the export, nor is half of it", async () => {
    await addRequest(t.context, { email: "ada@example.org" });
    t.abort();
    await expect(exportRegister(t.context, everything, file)).rejects.toMatchObject({ code: "RUN_STOPPED" });
    expect(await files()).toEqual([]);
  });

  test("is not there when the disk is full in the middle of it", async () => {
    const full = writeWhole(file, t.context.random, async (output) => {
      await new Promise<void>((settle) => output.write("half of it", () => settle()));
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC", syscall: "write" });
    });
    await expect(full).rejects.toMatchObject({
      code: "REPORT_UNWRITABLE",
      message: expect.stringContaining("the disk is full"),
    });
    expect(await files()).toEqual([]);
  });

  test("is not there when its directory is a file", async () => {
    await writeFile(folder, "not a directory");
    await expect(exportRegister(t.context, everything, file)).rejects.toMatchObject({
      code: "REPORT_UNWRITABLE",
      hint: expect.stringContaining("--out"),
    });
  });

  test.skipIf(process.getuid?.() === 0)("is not there when its directory is read-only", async () => {
    await mkdir(folder);
    await chmod(folder, 0o500);
    await expect(exportRegister(t.context, everything, file)).rejects.toMatchObject({ code: "REPORT_UNWRITABLE" });
    await chmod(folder, 0o700);
  });

  test("of a register without requests says so, and reconciles", async () => {
    const { requests, rows } = await exportRegister(t.context, everything, file);
    expect(requests).toEqual({
      received: 0,
      done: 0,
      refused: 0,
      withdrawn: 0,
      pending: 0,
      failed: 0,
      blocked: 0,
      overdue: 0,
    });
    expect(rows).toMatchObject({ Requests: 0, Decisions: 0, "Time limits": 4 });
    const workbook = await openWorkbook(file);
    expect(textOf(sheetOf(workbook, "Overdue"))).toContain("Nothing is overdue.");
    expect(textOf(sheetOf(workbook, "Requests"))).toContain("No request is on record.");
  });
});

describe("a register that does not reconcile", () => {
  test("is refused before anything is written when a request of the ledger is missing, by its reference", async () => {
    const { ref } = await addRequest(t.context, { email: "ada@example.org" });
    await addRequest(t.context, { email: "ben@example.org" });
    await t.state.query("delete from lethe.request_identifier");
    await t.state.query("delete from lethe.request where ref = $1", [ref]);
    await expect(exportRegister(t.context, everything, file)).rejects.toMatchObject({
      code: "REGISTER_UNRECONCILED",
      message: `the register does not reconcile: ${ref} is in the ledger, and not in the register`,
    });
    expect(await files()).toEqual([]);
  });

  test("is refused when the ledger has not received a request, and no half of a workbook is left", async () => {
    const { ref } = await addRequest(t.context, { email: "ada@example.org" });
    await addRequest(t.context, { email: "ben@example.org" });
    await t.state.query("delete from lethe.ledger_entry where request_ref = $1", [ref]);
    await expect(exportRegister(t.context, everything, file)).rejects.toMatchObject({
      code: "REGISTER_UNRECONCILED",
      message: expect.stringContaining("2 on record, 2 written and 1 in the ledger"),
    });
    expect(await files()).toEqual([]);
  });
});

describe("a period", () => {
  const ask = async (received: string): Promise<string> =>
    (await addRequest(t.context, { email: `on-${received}@example.org`, received })).ref;
  const exported = async (from?: string, to?: string) => {
    const target = join(folder, `${from ?? ""}-${to ?? ""}.xlsx`);
    const written = await exportRegister(t.context, parsePeriod({ from, to }), target);
    return { written, workbook: await openWorkbook(target) };
  };

  test("holds the requests received in it, both days included, and all that became of them since", async () => {
    await ask("2026-09-30");
    const refs = [await ask("2026-10-01"), await ask("2026-10-31")];
    await ask("2026-11-01");
    const { written, workbook } = await exported("2026-10-01", "2026-10-31");
    expect(written).toMatchObject({
      period: { from: "2026-10-01", to: "2026-10-31" },
      requests: { received: 2, pending: 2 },
      rows: { Requests: 2, Clocks: 2 },
    });
    expect(rowsOf(sheetOf(workbook, "Requests")).map((row) => row["Reference"])).toEqual(refs);
    expect(textOf(sheetOf(workbook, "Summary"))).toContain("requests received from 2026-10-01 to 2026-10-31");
    expect((await exported("2026-10-31")).written.requests.received).toBe(2);
    expect((await exported(undefined, "2026-10-01")).written.requests.received).toBe(2);
    expect((await exported("2027-01-01")).written.requests.received).toBe(0);
  });

  test("leaves the decisions and records of other requests out of every sheet", async () => {
    await fillRegister(t, 24);
    // Received on 12 October; those of `fillRegister` from 3 to 22 October.
    const decided = await decide(t);
    const { written } = await exported("2026-10-23");
    expect(written.rows).toMatchObject({
      Requests: 0,
      Decisions: 0,
      // One on rows, which is no request's.
      Holds: 1,
      Dispositions: 0,
      Recipients: 0,
      Copies: 0,
    });
    const { written: day, workbook } = await exported("2026-10-12", "2026-10-12");
    // One of twenty days, and what was decided here.
    expect(day.requests.received).toBe(1 + Object.keys(decided).length);
    expect(day.rows["Dispositions"]).toBeLessThan(5);
    expect(new Set(rowsOf(sheetOf(workbook, "Decisions")).map((row) => row["Reference"]))).toEqual(
      new Set(Object.values(decided)),
    );
  });

  test.each([
    ["days in the wrong order", "2026-11-30", "2026-11-01"],
    ["a day that does not exist", "2026-02-30", undefined],
    ["words", undefined, "yesterday"],
  ])("of %s is refused", (_, from, to) => {
    expect(() => parsePeriod({ from, to })).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

test("all sheets are of one moment: what is entered meanwhile is in none of them", async () => {
  await addRequest(t.context, { email: "ada@example.org" });
  const [rows, reconciliation] = await collected(everything, async (source) => {
    await addRequest(t.context, { email: "ben@example.org" });
    const output = new PassThrough();
    output.resume();
    return [await renderWorkbook(source, registerReport, output), [...source.rows.reconciliation()]];
  });
  expect(rows).toMatchObject({ Requests: 1, Clocks: 1 });
  expect(reconciliation[0]).toEqual({ what: "received", counted: 1, written: 1, entered: 1, equal: true });
  expect((await exportRegister(t.context, everything, file)).requests.received).toBe(2);
});

test("rows that do not fit on a sheet continue on the next, and all of them are counted", async () => {
  await fillRegister(t, 24);
  const [bytes, rows] = await collected(everything, async (source) => {
    const output = new PassThrough();
    return Promise.all([buffer(output), renderWorkbook(source, registerReport, output, { rowsPerSheet: 14 })]);
  });
  expect(rows).toMatchObject({ Requests: 24, Clocks: 24 });
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.load(bytes as unknown as exceljs.Buffer);
  const parts = workbook.worksheets.filter(({ name }) => name.startsWith("Requests"));
  expect(parts.map(({ name }) => name)).toEqual(["Requests", "Requests (2)", "Requests (3)"]);
  expect(parts.flatMap((part) => rowsOf(part)).map((row) => row["Reference"])).toHaveLength(24);
});

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("20,000 requests need no more memory than 2,000", async () => {
  await fillRegister(t, 20_000);
  const used: number[] = [];
  const rows = await collected(everything, async (source) => {
    const measured: RegisterSource = {
      ...source,
      rows: { ...source.rows, requests: () => measuring(source.rows.requests(), [2_000, 19_900], used) },
    };
    // The widest of its sheets; the others are written in the same way.
    const sheets = registerReport.sheets.filter(({ name }) => name === "Requests");
    const output = new Writable({ write: (_, __, done) => done() });
    return renderWorkbook(measured, { ...registerReport, sheets }, output);
  });
  expect(rows).toEqual({ Requests: 20_000 });
  const [few = 0, many = 0] = used;
  expect(used).toHaveLength(2);
  expect((many - few) / 1_048_576).toBeLessThan(16);
});

async function* measuring<Row>(rows: AsyncIterable<Row>, at: readonly number[], used: number[]): AsyncGenerator<Row> {
  let row = 0;
  for await (const each of rows) {
    row += 1;
    if (at.includes(row)) {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      used.push(heapUsed + external);
    }
    yield each;
  }
}
