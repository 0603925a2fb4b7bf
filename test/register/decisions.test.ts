import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { decider } from "#intake/decision.ts";
import { approver, planHash } from "#test/register/fill-register.ts";
import { rowsOf, rowWith, sheetOf } from "#test/register/read-workbook.ts";
import { day, exported, type Exported } from "#test/register/written-register.ts";
import { nightRun } from "#test/report/fill-state.ts";

// One register for all that is asked of it here.
vi.setConfig({ hookTimeout: 120_000 });

let t: Exported["t"];
let decided: Exported["decided"];
let table: Exported["table"];
let workbook: Exported["workbook"];
let refsOf: Exported["refsOf"];
beforeAll(async () => {
  ({ t, decided, table, workbook, refsOf } = await exported());
});
afterAll(() => t.dispose());

/** 10:00 on 3 November in Berlin, as a workbook without time zones has it, to the minute. */
const now = (value: unknown): boolean => value instanceof Date && value.toISOString().startsWith("2026-11-03T10:00");

test("has every decision of the ledger, by whom in digests, and by name where the register knows whose they are", async () => {
  const rows = table("Decisions");
  const entries = await t.state.query<{ index: number; ref: string }>(
    `select index, request_ref as ref from lethe.ledger_entry where kind in ('request.verified', 'request.approved', 'request.refused',
      'request.withdrawn', 'request.held', 'request.released', 'request.extended', 'request.confirmed', 'request.identity') order by index`,
  );
  expect(rows.map((row) => [row["Entry"], row["Reference"]])).toEqual(entries.map(({ index, ref }) => [index, ref]));
  expect(rows.every((row) => now(row["When"]))).toBe(true);
  const anna = { "By (digest)": decider(t.context, approver), By: approver };
  const ben = { "By (digest)": decider(t.context, "Ben Ohne-Freigabe"), By: null };
  const decision = (Reference: string, Decision: string) => rowWith(rows, { Reference, Decision });
  expect(decision(decided.approved, "verified")).toMatchObject(anna);
  expect(decision(decided.approved, "approved")).toMatchObject({
    ...anna,
    "Ground Art. 17(1)": "a",
    "Plan (SHA-256)": planHash,
  });
  expect(decision(decided.refused, "refused")).toMatchObject({ ...ben, Reason: "legal-claims" });
  expect(decision(decided.withdrawn, "withdrawn")).toMatchObject(anna);
  expect(decision(decided.held, "held")).toMatchObject({ ...anna, Matter: "AZ-2026/114" });
  expect(decision(decided.released, "released")).toMatchObject(ben);
  expect(decision(decided.extended, "extended")).toMatchObject({
    ...anna,
    Reason: "complexity",
    Day: day("2026-11-02"),
    "Due from then on": day("2027-01-12"),
  });
  expect(decision(decided.confirmed, "confirmed")).toMatchObject({ ...anna, Day: day("2026-11-02") });
  expect(decision(decided.checked, "identity asked")).toMatchObject({ ...anna, Day: day("2026-10-20") });
  expect(decision(decided.checked, "identity proven")).toMatchObject({ ...anna, Day: day("2026-10-30") });
});

test("has every hold: those that stand, what ended the others, and those that only the register knows", async () => {
  const rows = table("Holds");
  const unknown = await refsOf(`state = 'held' and ref <> '${decided.held}'`);
  expect(unknown).toHaveLength(4);
  expect(rows.map((row) => row["Now"])).toEqual([...Array<string>(5).fill("held"), "released", "refused"]);
  for (const ref of unknown) expect(rowWith(rows, { Reference: ref })).toMatchObject({ Now: "held", Matter: null });
  const held = { Matter: "AZ-2026/114", "Held by": approver };
  expect(rowWith(rows, { Reference: decided.held })).toMatchObject({
    ...held,
    Now: "held",
    Ended: null,
    "Ended by": null,
    "Days held": 0,
    "Request due": day("2026-11-12"),
  });
  expect(rowWith(rows, { Reference: decided.released })).toMatchObject({
    ...held,
    "Ended by": decider(t.context, "Ben Ohne-Freigabe"),
  });
  expect(rowWith(rows, { Reference: decided.ended })).toMatchObject({ ...held, Now: "refused", "Ended by": approver });
  expect(rows.filter((row) => now(row["Ended"]))).toHaveLength(2);
});

test("has all legal holds as they were placed, those on rows as well", async () => {
  const sheet = sheetOf(workbook, "Holds");
  const header = (sheet.getColumn(1).values as unknown[]).indexOf("Hold");
  const rows = rowsOf(sheet, header);
  expect(rows.map((row) => row["Matter"])).toEqual(["AZ-2026/114", "AZ-2026/115", "AZ-2026/114", "AZ-2026/114"]);
  expect(rowWith(rows, { Matter: "AZ-2026/115" })).toMatchObject({
    Why: "audit",
    On: "rows",
    "Table or backups": "shop.customers",
    "Placed by": approver,
    Until: day("2027-01-31"),
    Released: null,
  });
  expect(rowWith(rows, { On: decided.released })).toMatchObject({ "Released by": "Ben Ohne-Freigabe" });
});

test("has what became of the records of each request, what stays, what recipients have to do, and the copies", async () => {
  const dispositions = table("Dispositions");
  expect(dispositions).toHaveLength(12 * 4);
  const [erased = ""] = await refsOf("state = 'erased'");
  expect(rowWith(dispositions, { Reference: erased, Table: "invoices" })).toMatchObject({
    Store: "shop",
    Treatment: "retain",
    Rows: 3,
    Spared: 0,
    "Legal basis": "HGB §257",
    "Last erasable": day("2032-01-01"),
    Run: nightRun,
  });
  expect(rowWith(dispositions, { Reference: erased, Table: "addresses" })).toMatchObject({ Rows: 2, Spared: 1 });
  const stays = table("What stays");
  expect(stays.map((row) => row["Reference"])).toEqual(await refsOf("state = 'archived'"));
  expect(stays[0]).toMatchObject({ Column: "email", "Outcome there": "archived_with_pii", Until: "no date set" });
  const tasks = table("Recipients");
  for (const state of ["done", "open"]) expect(tasks.filter((row) => row["State"] === state)).toHaveLength(4);
  expect(tasks).toHaveLength(8);
  expect(tasks[0]).toMatchObject({ Recipient: "Gateway", Task: "delete_payment_method", Settled: null });
  const [completed = ""] = await refsOf("state = 'completed'");
  expect(rowWith(table("Copies"), { Reference: completed })).toMatchObject({
    File: `${completed}.shop.jsonl.age`,
    Size: 4096,
    Rows: 12,
    "Keys that open it": 1,
    "SHA-256": "cd".repeat(32),
  });
});

test("says how long the policies keep what, and by which exception of Art. 17(3)", () => {
  const rows = table("Time limits");
  expect(rows.map((row) => [row["Table"], row["Treatment"]])).toEqual([
    ["customers", "anonymise"],
    ["invoices", "retain"],
    ["sessions", "erase"],
    ["products", "keep"],
  ]);
  expect(rowWith(rows, { Table: "invoices" })).toMatchObject({
    "Kept for": "8 years",
    "Counted from": "the end of the calendar year, by issued_on",
    "Legal basis": "HGB §257(1) no. 4",
    "Exception Art. 17(3)": "b",
  });
  expect(rowWith(rows, { Table: "sessions" })["Without a request"]).toBe("90 days after seen_at: Art. 5(1)(e) GDPR");
  expect(rowWith(rows, { Table: "products" })["Why"]).toBe("=no personal data");
});
