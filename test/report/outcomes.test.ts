import { readFile } from "node:fs/promises";
import { join } from "node:path";
import exceljs from "exceljs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
import { publishReport } from "#report/publish.ts";
import { reportDocument, type ReportDocument } from "#report/report-document.ts";
import { canaries, fillState, nightRun } from "#test/report/fill-state.ts";
import { edit, resign } from "#test/evidence/bundle.ts";
import { failure } from "#test/evidence/tamper.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let lethe: TestContext;
beforeEach(async () => void (lethe = await testContext({ now: "2026-11-02T01:01:02Z" })));
afterEach(() => lethe.dispose());

const publishNight = async (requests: number): Promise<string> => {
  await fillState(lethe.context.state, requests);
  await writeCheckpoint(lethe.context, nightRun);
  return (await publishReport(lethe.context, nightRun)).directory;
};

const documentOf = async (directory: string): Promise<ReportDocument> =>
  reportDocument.parse(JSON.parse(await readFile(join(directory, "report.json"), "utf8")));

test("each request's outcome stands in the report by store, with what waits and why, and is counted", async () => {
  const { outcomes, requests } = await documentOf(await publishNight(48));
  const none = { erased: 0, anonymised: 0 };
  expect(outcomes.requests).toEqual({
    ...none,
    erased: 4,
    retained: 4,
    archived_with_pii: 4,
    scheduled: 4,
    blocked: 4,
    failed: 4,
  });
  expect(outcomes.stores).toContainEqual({ store: "shop", outcome: "archived_with_pii", requests: 4 });
  expect(outcomes.items).toHaveLength(24);
  const of = (state: string) => {
    const ref = requests.items.find((item) => item.state === state)?.ref;
    return outcomes.items.filter((item) => item.ref === ref);
  };
  const done = { store: "shop", at: "2026-11-02T01:00:45.000Z", codes: [], scheduledFor: null };
  expect(of("archived")).toMatchObject([{ ...done, outcome: "archived_with_pii", left: 2, until: null }]);
  expect(of("erased")).toMatchObject([{ ...done, outcome: "retained", left: 1, until: "2031-01-01" }]);
  expect(of("completed")).toMatchObject([{ ...done, outcome: "erased", left: 0, until: null }]);
  expect(of("blocked")).toMatchObject([
    { store: "shop", outcome: "blocked", codes: ["CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS"], left: null },
  ]);
  expect(of("held")).toEqual([]);
});

test("a scheduled request says for when, and a blocked one all of its codes", async () => {
  await fillState(lethe.context.state, 24);
  await lethe.state.query(`update lethe.request set scheduled_for = '2026-12-02T02:00:00Z' where state = 'scheduled'`);
  await lethe.state.query(
    `update lethe.request set detail = detail || '{"also": ["UNPAID_INVOICE"]}' where state = 'blocked'`,
  );
  const { outcomes, requests, blocks } = await documentOf((await publishReport(lethe.context, nightRun)).directory);
  expect(requests.items.find(({ state }) => state === "scheduled")?.scheduledFor).toBe("2026-12-02T02:00:00.000Z");
  expect(outcomes.items.find(({ outcome }) => outcome === "scheduled")).toMatchObject({
    store: "shop",
    scheduledFor: "2026-12-02T02:00:00.000Z",
  });
  expect(outcomes.items.find(({ outcome }) => outcome === "blocked")?.codes).toEqual([
    "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS",
    "UNPAID_INVOICE",
  ]);
  expect(blocks.find(({ state }) => state === "blocked")?.detail.also).toEqual(["UNPAID_INVOICE"]);
});

test("what stays is listed by request, and summed by place with its reason and its day", async () => {
  const { stays, requests } = await documentOf(await publishNight(48));
  const why = "the account can be reactivated";
  expect(stays.places).toEqual([
    { store: "shop", table: "customers", column: "email", rows: 4, why, until: null, requests: 4 },
    { store: "shop", table: "customers", column: "name", rows: 4, why, until: null, requests: 4 },
    {
      store: "shop",
      table: "invoices",
      column: "billing_name",
      rows: 12,
      why: "HGB §257",
      until: "2031-01-01",
      requests: 4,
    },
  ]);
  const archived = requests.items.find(({ state }) => state === "archived")?.ref;
  expect(stays.items.filter(({ ref }) => ref === archived)).toEqual([
    {
      ref: archived,
      store: "shop",
      columns: ["email", "name"].map((column) => ({ table: "customers", column, rows: 1, why, until: null })),
    },
  ]);
});

test("figures say what Lethe changed and what others wrote meanwhile, in the order of the policy", async () => {
  const { figures, limits } = await documentOf(await publishNight(12));
  expect(figures).toEqual([
    {
      store: "shop",
      figure: "Payments",
      before: "100.50",
      after: "77.75",
      change: "-30.00",
      meanwhile: "7.25",
      equal: false,
    },
    { store: "shop", figure: "Active accounts", before: "12", after: "12", change: "0", meanwhile: "0", equal: true },
  ]);
  expect(limits.map(({ code }) => code)).toEqual(expect.arrayContaining(["FIGURES", "LEFT_ON_PURPOSE", "RECIPIENTS"]));
});

test("remedies and the tasks of recipients are summed up, without the name under which a recipient knows a record", async () => {
  const { remedied, tasks } = await documentOf(await publishNight(48));
  const remedy = { store: "shop", code: "GIFT_GIVER", table: "gifts", action: "unlink" };
  expect(remedied.totals).toEqual([{ ...remedy, rows: 12, requests: 4 }]);
  expect(remedied.items).toHaveLength(4);
  expect(remedied.items[0]).toEqual({ ...remedy, ref: expect.any(String), rows: 3 });
  expect(tasks).toEqual([
    {
      store: "shop",
      recipient: "Gateway",
      task: "delete_payment_method",
      open: 4,
      done: 4,
      failed: 0,
      oldestOpen: "2026-11-02T01:00:20.000Z",
    },
  ]);
});

test("a purpose that is no word of a policy is not repeated", async () => {
  const directory = await publishNight(24);
  const { requests } = await documentOf(directory);
  expect(new Set(requests.items.map(({ purpose }) => purpose))).toEqual(new Set(["delete-user", "other"]));
  expect(await readFile(join(directory, "report.json"), "utf8")).not.toContain(canaries[4]);
});

test("what a run declared stands in its report even when the request was opened again before the report was written", async () => {
  await fillState(lethe.context.state, 12);
  await lethe.state.query(`update lethe.request set state = 'verified', code = 'REACTIVATED' where state = 'archived'`);
  const { directory } = await publishReport(lethe.context, nightRun);
  expect((await documentOf(directory)).outcomes.requests.archived_with_pii).toBe(1);
  await verifyBundle(directory, await readFile(lethe.keys.public, "utf8"));
});

test("an outcome that was changed after the night is found, even under the controller's own signature", async () => {
  const directory = await publishNight(24);
  const { signing, signingId: keyId } = lethe.context.keys;
  const bundle = { directory, publicKeyPem: await readFile(lethe.keys.public, "utf8"), signing, keyId };
  await verifyBundle(directory, bundle.publicKeyPem);
  await edit(bundle, "report.json", (text) =>
    text.replace('"outcome":"archived_with_pii","at"', '"outcome":"erased","at"'),
  );
  await resign(bundle);
  expect(await failure(bundle)).toMatchObject({
    code: "EVIDENCE_TAMPERED",
    message: expect.stringMatching(/says that request R-.+ ended as erased, and the ledger archived_with_pii/),
  });
});

test("the first sheet says plainly that requests left personal data", async () => {
  const directory = await publishNight(48);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(join(directory, "report.xlsx"));
  const texts: unknown[] = [];
  workbook.getWorksheet("Summary")?.eachRow((row) => row.eachCell((cell) => texts.push(cell.value)));
  expect(texts).toContain("4 requests left personal data: archived_with_pii.");
  expect(texts).toContain("3 columns in all, 2 without a date: see What stays.");
});
