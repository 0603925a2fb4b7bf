import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import exceljs from "exceljs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { hashFile } from "#evidence/hash-file.ts";
import { outcomeOf, requestStates, type RequestState } from "#records/request.ts";
import { approver, planHash, registerCanaries } from "#test/register/fill-register.ts";
import { rowsOf, rowWith, sheetOf, textOf } from "#test/register/read-workbook.ts";
import { day, decidedOnes, exported, filled, type Exported } from "#test/register/written-register.ts";
import { unzipped } from "#test/flow/unzip.ts";
import { hostileTable } from "#test/report/fill-state.ts";

// One register for all that is asked of it here.
vi.setConfig({ hookTimeout: 120_000 });

let t: Exported["t"];
let file: Exported["file"];
let written: Exported["written"];
let workbook: Exported["workbook"];
let decided: Exported["decided"];
let table: Exported["table"];
let refsOf: Exported["refsOf"];
beforeAll(async () => {
  ({ t, file, written, workbook, decided, table, refsOf } = await exported());
});
afterAll(() => t.dispose());

test("has a sheet for each question that a supervisory authority asks, in one file for its owner alone", async () => {
  expect(workbook.worksheets.map(({ name }) => name)).toEqual([
    "Summary",
    "Overdue",
    "Requests",
    "Clocks",
    "Decisions",
    "Holds",
    "Dispositions",
    "What stays",
    "Recipients",
    "Copies",
    "Time limits",
    "Evidence",
  ]);
  const { mode, size } = await stat(file);
  expect(mode & 0o777).toBe(0o600);
  expect(written).toMatchObject({ bytes: size, sha256: await hashFile(file) });
  expect(await readdir(join(t.directory, "out"))).toEqual(["register.xlsx"]);
});

test("reconciles over every state: as the database counts, as rows were written, and as the ledger received", async () => {
  const states = await t.state.query<{ state: RequestState; n: number }>(
    "select state, count(*) as n from lethe.request group by state",
  );
  expect(states.map(({ state }) => state).toSorted()).toEqual(requestStates.toSorted());
  expect(written.requests).toMatchObject({ received: 57, done: 12, refused: 6, withdrawn: 5, pending: 30, failed: 4 });
  const equal = (what: string, n: number, entered: number | null = null) => ({
    what,
    counted: n,
    written: n,
    entered,
    equal: true,
  });
  expect(written.reconciliation).toEqual([
    equal("received", 57, 57),
    equal("done", 12),
    equal("refused", 6),
    equal("withdrawn", 5),
    equal("pending", 30),
    equal("failed", 4),
  ]);
  expect(written.rows).toMatchObject({ Requests: 57, Clocks: 57 });
  const evidence = rowsOf(sheetOf(workbook, "Evidence"), 5);
  expect(evidence.map((row) => [row["Requests"], row["On record"], row["Rows of Requests"], row["Equal"]])).toEqual([
    ["received", 57, 57, "✓"],
    ["done", 12, 12, "✓"],
    ["refused", 6, 6, "✓"],
    ["withdrawn", 5, 5, "✓"],
    ["pending", 30, 30, "✓"],
    ["failed", 4, 4, "✓"],
  ]);
  expect(textOf(sheetOf(workbook, "Summary"))).toContain(
    "✓ Reconciled: 57 received = 12 done + 6 refused + 5 withdrawn + 30 pending + 4 failed",
  );
});

test("lists every request once, in the order in which they came, with its state and what it counts as", async () => {
  const rows = table("Requests");
  expect(rows.map((row) => row["Reference"])).toEqual(await refsOf());
  for (const row of rows) expect(row["Counts as"]).toBe(outcomeOf(row["State"] as RequestState));
  expect(rowWith(rows, { Reference: decided.approved })).toMatchObject({
    State: "erasing",
    Received: day("2026-10-12"),
    Due: day("2026-11-12"),
    Days: 9,
    "Due by": "GDPR Art. 12(3)",
    Regime: "gdpr",
    "Ground Art. 17(1)": "a",
    Purpose: "delete-user",
    "Approved by": approver,
    "Plan (SHA-256)": `${planHash.slice(0, 16)}…`,
    "In time": null,
  });
  expect(rowWith(rows, { Reference: decided.refused })).toMatchObject({
    State: "refused",
    Days: null,
    "Refused because": "legal-claims",
    "In time": "✓",
  });
  const [completed = ""] = await refsOf("state = 'completed'");
  expect(rowWith(rows, { Reference: completed })).toMatchObject({
    "Outcome by store": "shop: retained",
    "Backups clear on": day("2026-12-02"),
    // When the search had found nothing, whatever has changed since.
    Ended: new Date("2026-11-02T02:00:30Z"),
  });
  const [blocked = ""] = await refsOf("state = 'blocked'");
  expect(rowWith(rows, { Reference: blocked })["Code"]).toBe("CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS");
});

test("says what was not in time, on the same days as the summary counts", async () => {
  // Erased at 02:00 in Berlin on 2 November; due from 29 October on.
  const late = await refsOf("state in ('erased', 'completed') and due_on < '2026-11-02'");
  expect(late.length).toBeGreaterThan(0);
  const rows = table("Requests");
  for (const ref of late) expect(rowWith(rows, { Reference: ref })["In time"]).toBe("✗");
  const count = (mark: string) => rows.filter((row) => row["In time"] === mark).length;
  const summary = textOf(sheetOf(workbook, "Summary"));
  expect(summary).toMatch(new RegExp(`In time ${count("✓")}$`, "m"));
  expect(summary).toMatch(new RegExp(`Late ${count("✗")}$`, "m"));
  expect(count("✓") + count("✗")).toBe(written.requests.done + written.requests.refused);
});

test("names everything that is overdue by reference, the failed behind the pending, and the longest in the summary", async () => {
  const overdue = await t.state.query<{ ref: string; late: number; failed: boolean }>(
    `select ref, date '2026-11-03' - due_on as late, state = 'failed' as failed from lethe.request
     where due_on < '2026-11-03' and state not in ('erased', 'archived', 'completed', 'refused', 'withdrawn')
     order by state = 'failed', due_on, ref`,
  );
  const rows = table("Overdue");
  expect(rows.map((row) => [row["Reference"], row["Days"], row["Counts as"]])).toEqual(
    overdue.map(({ ref, late, failed }) => [ref, -late, failed ? "failed" : "pending"]),
  );
  expect(written.requests.overdue).toBe(overdue.filter(({ failed }) => !failed).length);
  const summary = textOf(sheetOf(workbook, "Summary"));
  expect(overdue.length).toBeGreaterThan(8);
  for (const { ref } of overdue.slice(0, 8)) expect(summary).toContain(ref);
  expect(summary).toContain(`${overdue.length} requests past the due date`);
});

test("shows all clocks of a request: both of an identity check, the extension and its notice, the receipt", () => {
  const rows = table("Clocks");
  expect(rows).toHaveLength(filled + decidedOnes);
  expect(rowWith(rows, { Reference: decided.checked })).toMatchObject({
    Due: day("2026-11-12"),
    "Identity asked": day("2026-10-20"),
    "Identity proven": day("2026-10-30"),
    // Ten days later is a Sunday.
    "Due without those days": day("2026-11-23"),
  });
  expect(rowWith(rows, { Reference: decided.extended })).toMatchObject({
    Due: day("2027-01-12"),
    "Extended because": "complexity",
    "Person told on": day("2026-11-02"),
    "Was due on": day("2026-11-12"),
    "Due by": "GDPR Art. 12(3), extended",
  });
  expect(rowWith(rows, { Reference: decided.confirmed })).toMatchObject({
    Regime: "ccpa",
    "Confirm receipt by": day("2026-10-26"),
    "Confirmed on": day("2026-11-02"),
    "Due without those days": null,
  });
  const open = rows.filter((row) => row["Days"] !== null).map((row) => row["Days"] as number);
  expect(open).toEqual(open.toSorted((a, b) => a - b));
  expect(rows.slice(open.length).every((row) => row["Days"] === null)).toBe(true);
});

test("is tied to the evidence: head of the ledger, digests of the policies, controller, officer and day", async () => {
  const [head] = await t.state.query<{ size: number; root: string }>(
    "select size, encode(root, 'hex') as root from lethe.ledger_head",
  );
  expect(written.ledger).toMatchObject({ ...head, checkpoint: null });
  const digest = t.context.stores[0]?.policy.digest ?? "";
  for (const name of ["Summary", "Evidence"]) {
    const text = textOf(sheetOf(workbook, name));
    for (const fact of [head?.root ?? "no head", digest, "Shop GmbH (DE)", "dpo@shop.example", "2026-11-03"]) {
      expect(text).toContain(fact);
    }
  }
  // What the night recorded, beside what is in force by now.
  const policies = rowsOf(sheetOf(workbook, "Evidence"), 14);
  expect(policies).toMatchObject([
    { Store: "shop", "Digest (SHA-256)": digest, Policy: "shop", Version: 3, Now: "in force", "First run": null },
    {
      "Digest (SHA-256)": "d1".repeat(32),
      Policy: null,
      Now: "changed since",
      "Last run": new Date("2026-11-02T02:01:00Z"),
    },
  ]);
});

test("no identifier of a person is in any part of the workbook, nor by which name a recipient knows one", async () => {
  const text = await unzipped(file);
  expect(text).toContain(decided.held);
  for (const canary of registerCanaries) expect(text).not.toContain(canary);
  for (const canary of registerCanaries) expect(JSON.stringify(written) + t.logged()).not.toContain(canary);
});

test("what looks like a formula is text in a cell of text, and no cell of any sheet holds a formula", () => {
  const found: string[] = [];
  for (const sheet of workbook.worksheets) {
    sheet.eachRow((row) =>
      row.eachCell((cell) => {
        expect([exceljs.ValueType.Formula, exceljs.ValueType.Hyperlink]).not.toContain(cell.type);
        if (typeof cell.value !== "string" || !/^[=+\-@]/.test(cell.value)) return;
        found.push(cell.value);
        expect([cell.type, cell.numFmt]).toEqual([exceljs.ValueType.String, "@"]);
      }),
    );
  }
  expect([...new Set(found)].toSorted()).toEqual(
    [
      approver,
      hostileTable,
      "@SUM(1)",
      "+customers",
      "-the account can be reactivated",
      "=no personal data",
    ].toSorted(),
  );
});

test("headers and references stay in sight, and every table can be filtered", () => {
  const requests = sheetOf(workbook, "Requests");
  expect(requests.views[0]).toMatchObject({ state: "frozen", ySplit: 4, xSplit: 1 });
  expect(requests.autoFilter).toBe(`A4:Y${4 + filled + decidedOnes}`);
  expect(requests.getRow(5).getCell(4).numFmt).toBe("yyyy-mm-dd");
  expect(sheetOf(workbook, "Dispositions").getRow(5).getCell(5).numFmt).toBe("#,##0");
});
