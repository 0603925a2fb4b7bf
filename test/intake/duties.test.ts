import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nightly } from "../../jobs/nightly.ts";
import { checkIdentity, confirmReceipt, extendRequest } from "#intake/duties.ts";
import { withdrawRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { showRequest } from "#intake/show.ts";
import { runJob } from "#run-job.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let t: TestContext;
beforeEach(async () => {
  t = await testContext({ now: "2026-02-20T09:00:00Z" });
});
afterEach(() => t.dispose());

const by = "dpo";
const asked = async (fields: { readonly received?: string; readonly regime?: string } = {}): Promise<string> =>
  (await addRequest(t.context, { email: "ada@example.org", received: "2026-01-31", ...fields })).ref;
const entry = async (ref: string): Promise<unknown> => {
  const rows = await t.state.query<{ body: string }>(
    "select body from lethe.ledger_entry where request_ref = $1 order by index desc limit 1",
    [ref],
  );
  return JSON.parse(rows[0]?.body ?? "null");
};

describe("an extension", () => {
  test("counts from receipt: three months, then moved, and says so with its reason", async () => {
    const ref = await asked();
    expect(await showRequest(t.context, ref)).toMatchObject({ due: "2026-03-02", regime: "gdpr", extended: null });
    expect(await extendRequest(t.context, ref, { by, reason: "complexity", noticed: "2026-02-20" })).toEqual({
      ref,
      due: "2026-04-30",
    });
    expect(await showRequest(t.context, ref)).toMatchObject({
      due: "2026-04-30",
      basis: "GDPR Art. 12(3), extended",
      extended: { reason: "complexity", noticed: "2026-02-20" },
    });
    expect(await entry(ref)).toMatchObject({
      kind: "request.extended",
      due: "2026-04-30",
      reason: "complexity",
      noticed: "2026-02-20",
    });
    const again = extendRequest(t.context, ref, { by, reason: "complexity", noticed: "2026-02-20" });
    await expect(again).rejects.toMatchObject({ code: "REQUEST_STATE" });
  });

  test("is none when the person was told after the first period, in the future, or before asking", async () => {
    const ref = await asked();
    const later = t.at("2026-03-10T09:00:00Z");
    const extend = (noticed: string) => extendRequest(later, ref, { by, reason: "number-of-requests", noticed });
    await expect(extend("2026-03-03")).rejects.toMatchObject({
      code: "REQUEST_INVALID",
      message: expect.stringContaining("2026-03-02"),
    });
    await expect(extend("2026-03-11")).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await expect(extend("2026-01-30")).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await expect(extend("soon")).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    // Told on the last day, recorded later: that is in time.
    expect(await extend("2026-03-02")).toMatchObject({ due: "2026-04-30" });
  });

  test("is for what is still open", async () => {
    const ref = await asked();
    await withdrawRequest(t.context, ref, { by });
    const extended = extendRequest(t.context, ref, { by, reason: "complexity", noticed: "2026-02-20" });
    await expect(extended).rejects.toMatchObject({ code: "REQUEST_STATE" });
  });
});

test("a check of identity leaves the due date where it is, and shows the other one beside it", async () => {
  const ref = await asked();
  await expect(checkIdentity(t.context, ref, { by, step: "proven", on: "2026-02-10" })).rejects.toMatchObject({
    code: "REQUEST_STATE",
  });
  expect(await checkIdentity(t.context, ref, { by, step: "asked", on: "2026-02-10" })).toEqual({
    ref,
    due: "2026-03-02",
  });
  // Nobody has proven anything yet: ten days so far, from 28 February.
  expect(await showRequest(t.context, ref)).toMatchObject({
    due: "2026-03-02",
    identity: { asked: "2026-02-10", proven: null, dueIfPaused: "2026-03-10" },
  });
  await checkIdentity(t.context, ref, { by, step: "proven", on: "2026-02-13" });
  expect(await showRequest(t.context, ref)).toMatchObject({
    due: "2026-03-02",
    identity: { proven: "2026-02-13", dueIfPaused: "2026-03-03" },
  });
  expect(await entry(ref)).toMatchObject({ kind: "request.identity", step: "proven", on: "2026-02-13" });
});

test("a Californian request: ten working days to confirm, forty-five days to answer whatever verification takes", async () => {
  const later = t.at("2026-03-10T09:00:00Z");
  const { ref } = await addRequest(later, { email: "kit@example.org", received: "2026-03-05", regime: "ccpa" });
  await checkIdentity(later, ref, { by, step: "asked", on: "2026-03-06" });
  expect(await showRequest(later, ref)).toMatchObject({
    due: "2026-04-19",
    basis: "11 CCR §7021(b)",
    confirm: { by: "2026-03-19", on: null },
    identity: { dueIfPaused: null },
  });
  await confirmReceipt(later, ref, { by, on: "2026-03-10" });
  expect(await showRequest(later, ref)).toMatchObject({ confirm: { on: "2026-03-10" } });
  expect(await extendRequest(later, ref, { by, reason: "complexity", noticed: "2026-03-10" })).toMatchObject({
    due: "2026-06-03",
  });
  await expect(addRequest(later, { email: "kim@example.org", regime: "mars" })).rejects.toMatchObject({
    code: "REQUEST_INVALID",
  });
});

test("the night warns of what is due soon and of receipts that nobody has confirmed, by reference, and ends with attention for the latter", async () => {
  const { ref } = await addRequest(t.at("2026-03-10T09:00:00Z"), {
    email: "kit@example.org",
    received: "2026-03-05",
    regime: "ccpa",
  });
  const night = (now: string) => runJob(t.at(now), nightly);
  expect(await night("2026-03-19T02:00:00Z")).toMatchObject({
    outcome: "done",
    warnings: { dueSoon: 0, notConfirmed: 0 },
  });
  const late = await night("2026-03-20T02:00:00Z");
  expect(late).toMatchObject({ outcome: "attention", warnings: { dueSoon: 0, next: null, notConfirmed: 1 } });
  const report = JSON.parse(await readFile(join(late.report ?? "", "report.json"), "utf8")) as unknown;
  expect(report).toMatchObject({
    requests: { warnings: [{ ref, what: "not-confirmed", due: "2026-03-19", daysLeft: -1 }] },
  });
  await confirmReceipt(t.at("2026-03-20T09:00:00Z"), ref, { by, on: "2026-03-19" });
  expect(await night("2026-04-12T02:00:00Z")).toMatchObject({
    outcome: "done",
    warnings: { dueSoon: 1, next: "2026-04-19", notConfirmed: 0 },
  });
});
