import { afterEach, beforeEach, expect, test } from "vitest";
import { approveAll } from "#intake/approve.ts";
import { releaseRequest } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { refuseRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let t: TestContext;
beforeEach(async () => {
  t = await testContext({ now: "2026-11-02T02:00:00Z" });
});
afterEach(() => t.dispose());

const by = "dpo";
const since = "2026-10-30T01:00:00.000Z";

/** A request that stopped a few days ago, and is held since. */
const held = async (email: string, state: string, code: string): Promise<string> => {
  const { ref } = await addRequest(t.context, { email, ground: "a" });
  await t.state.query("update lethe.request set state = $2, code = $3, code_since = $4, detail = $5 where ref = $1", [
    ref,
    state,
    code,
    since,
    { store: "shop" },
  ]);
  await holdRequest(t.context, ref, { by, matter: "AZ-7" });
  return ref;
};
const request = async (ref: string) =>
  (
    await t.state.query(
      "select state, held_from, held_with, code, code_since, detail from lethe.request where ref = $1",
      [ref],
    )
  )[0];

test.each([
  ["verified", "REACTIVATED"],
  ["blocked", "OPEN_INVOICES"],
])("what was %s has its code again when it is released, and is approved by nobody in passing", async (state, code) => {
  const ref = await held("a@example.com", state, code);
  expect(await request(ref)).toMatchObject({ state: "held", code: "LEGAL_HOLD" });
  await releaseRequest(t.context, ref, { by });
  const before = { state, held_from: null, held_with: null, code, code_since: since, detail: { store: "shop" } };
  expect(await request(ref)).toEqual(before);
  const planFor = () => Promise.resolve({ hash: "a".repeat(64), shape: "b".repeat(64), whom: [] });
  const reactivated = code === "REACTIVATED" ? [ref] : [];
  expect(await approveAll(t.context, { by, planFor })).toMatchObject({ approved: 0, reactivated });
  expect(await request(ref)).toEqual(before);
});

test("what goes on to the next night, or ends, has its code no more", async () => {
  const failed = await held("a@example.com", "failed", "ROW_LOCKED");
  const refused = await held("b@example.com", "verified", "REACTIVATED");
  await releaseRequest(t.context, failed, { by });
  await refuseRequest(t.context, refused, { by, reason: "legal-claims", citation: "BGB §195" });
  const none = { held_from: null, held_with: null, code: null, code_since: null, detail: null };
  expect(await request(failed)).toEqual({ state: "approved", ...none });
  expect(await request(refused)).toEqual({ state: "refused", ...none });
});
