import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { removeDeadRows } from "#db/dead-rows.ts";
import { Temporal } from "temporal-polyfill";
import { approveAll, approveRequests, type PlanFor } from "#intake/approve.ts";
import { releaseRequest } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { refuseRequest, withdrawRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { requestCounts } from "#intake/counts.ts";
import { requestStates, type RequestState } from "#records/request.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let t: TestContext;
beforeEach(async () => {
  t = await testContext({ now: "2026-11-02T02:00:00Z" });
});
afterEach(() => t.dispose());

const by = "J\u00f6rg Canary <canary-dpo@example.com>";
const planned: string[][] = [];
const planFor: PlanFor = (_, requests) => {
  planned.push(requests.map(({ ref }) => ref));
  return Promise.resolve({ hash: "a".repeat(64), shape: "b".repeat(64), whom: [] });
};
const add = async (email: string): Promise<string> => (await addRequest(t.context, { email, ground: "a" })).ref;
const put = (ref: string, state: RequestState) =>
  t.state.query("update lethe.request set state = $2 where ref = $1", [ref, state]);
const request = async (ref: string) => {
  const [row] = await t.state.query("select * from lethe.request where ref = $1", [ref]);
  return row;
};
const entries = async (ref: string) =>
  (
    await t.state.query<{ body: string }>("select body from lethe.ledger_entry where request_ref = $1 order by index", [
      ref,
    ])
  ).map(({ body }) => JSON.parse(body) as Record<string, unknown>);
const remembered = async (): Promise<number> =>
  (
    await t.state.query(
      "select from lethe.request_identifier union all select from lethe.subject union all select from lethe.subject_identifier",
    )
  ).length;
const located = (ref: string) =>
  t.state.query(
    `with found as (select id from lethe.request where ref = $1),
      subject as (insert into lethe.subject select id, 'shop', '4711', 'located', null from found)
     insert into lethe.subject_identifier select id, 'shop', 'email', 'a@example.com' from found`,
    [ref],
  );

describe("approving", () => {
  test("records who, when and which plan, in the register and, by digest, in the ledger", async () => {
    const ref = await add("a@example.com");
    expect(await approveRequests(t.context, [ref.toLowerCase(), ref], { by, planFor })).toEqual({
      approved: 1,
      refused: [],
      refusedLate: [],
      reactivated: [],
      plans: ["a".repeat(64)],
      withoutGround: 0,
    });
    expect(await request(ref)).toMatchObject({
      state: "approved",
      approved_by: by,
      approved_at: expect.stringMatching(/^2026-11-02T02:00:/),
      approved_plan: "a".repeat(64),
      approved_shape: "b".repeat(64),
    });
    const [, verified, approved] = await entries(ref);
    expect(verified).toMatchObject({ kind: "request.verified", by: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(approved).toMatchObject({
      kind: "request.approved",
      by: verified?.["by"],
      plan: "a".repeat(64),
      ground: "a",
    });
  });

  test("everything that waits leaves alone what does not", async () => {
    const refs = await Promise.all(["a", "b", "c", "d", "e"].map((name) => add(`${name}@example.com`)));
    const [one = "", two = "", held = "", blocked = "", gone = ""] = refs;
    await put(two, "verified");
    await holdRequest(t.context, held, { by, matter: "AZ-7" });
    await put(blocked, "blocked");
    await withdrawRequest(t.context, gone, { by });
    planned.length = 0;
    expect(await approveAll(t.context, { by, planFor })).toMatchObject({ approved: 2 });
    expect(planned).toHaveLength(1);
    expect(planned[0]?.toSorted()).toEqual([one, two].toSorted());
    expect(await t.state.query("select state, count(*) as n from lethe.request group by 1 order by 1")).toEqual([
      { state: "approved", n: 2 },
      { state: "blocked", n: 1 },
      { state: "held", n: 1 },
      { state: "withdrawn", n: 1 },
    ]);
    expect((await entries(two)).map(({ kind }) => kind)).toEqual(["request.received", "request.approved"]);
    expect(await approveAll(t.context, { by, planFor })).toEqual({
      approved: 0,
      refused: [],
      refusedLate: [],
      reactivated: [],
      plans: [],
      withoutGround: 0,
    });
  });

  test("one that cannot be approved approves none", async () => {
    const [one, two] = [await add("a@example.com"), await add("b@example.com")];
    await put(two, "erasing");
    await expect(approveRequests(t.context, [one, two], { by, planFor })).rejects.toMatchObject({
      code: "REQUEST_STATE",
    });
    await expect(approveRequests(t.context, [one, "R-0000-0000-0000"], { by, planFor })).rejects.toMatchObject({
      code: "REQUEST_UNKNOWN",
    });
    expect(await request(one)).toMatchObject({ state: "received", approved_by: null });
  });

  test("what was withdrawn while it was planned stays withdrawn", async () => {
    const [one, two] = [await add("a@example.com"), await add("b@example.com")];
    const meanwhile: PlanFor = async (ctx, requests) => {
      await withdrawRequest(ctx, two, { by });
      return planFor(ctx, requests);
    };
    expect(await approveAll(t.context, { by, planFor: meanwhile })).toMatchObject({ approved: 1 });
    expect([(await request(one))?.["state"], (await request(two))?.["state"]]).toEqual(["approved", "withdrawn"]);
  });

  test("a plan that cannot be made approves nothing", async () => {
    const ref = await add("a@example.com");
    const failing: PlanFor = () => Promise.reject(new Error("no plan"));
    await expect(approveRequests(t.context, [ref], { by, planFor: failing })).rejects.toThrow("no plan");
    expect(await request(ref)).toMatchObject({ state: "received" });
  });
});

describe("refusing and withdrawing", () => {
  test("forget whom the request was about in the same transaction", async () => {
    const [one, two] = [await add("a@example.com"), await add("b@example.com")];
    await located(one);
    await located(two);
    expect(await remembered()).toBe(6);
    expect(await refuseRequest(t.context, one, { by, reason: "identity-not-proven" })).toEqual({
      ref: one,
      state: "refused",
      late: null,
    });
    expect(await remembered()).toBe(3);
    expect(await withdrawRequest(t.context, two, { by })).toEqual({ ref: two, state: "withdrawn" });
    expect(await remembered()).toBe(0);
    // Nor is it left in a page of the database (I8). An autovacuum at the same moment leaves the empty page to the next who cleans.
    const tables = ["request_identifier", "subject_identifier", "subject"];
    await vi.waitFor(async () => {
      await removeDeadRows(t.context);
      expect(
        await t.state.query("select sum(pg_relation_size('lethe.' || name)) as bytes from unnest($1::text[]) as name", [
          tables,
        ]),
      ).toEqual([{ bytes: "0" }]);
    });
    expect(await request(one)).toMatchObject({ state: "refused", reason: "identity-not-proven" });
    expect((await entries(one)).at(-1)).toMatchObject({ kind: "request.refused", reason: "identity-not-proven" });
    expect((await entries(two)).at(-1)).toMatchObject({ kind: "request.withdrawn" });
  });
});

describe("a legal hold", () => {
  test.each([
    ["received", "received"],
    ["approved", "approved"],
    ["blocked", "blocked"],
    ["scheduled", "approved"],
    ["failed", "approved"],
  ] as const)("on what was %s goes back to %s", async (from, to) => {
    const ref = await add("a@example.com");
    await put(ref, from);
    await holdRequest(t.context, ref, { by, matter: "LG-Berlin/12-O-7" });
    expect(await request(ref)).toMatchObject({
      state: "held",
      held_from: from,
      code: "LEGAL_HOLD",
      detail: { matter: "LG-Berlin/12-O-7" },
    });
    expect(await releaseRequest(t.context, ref, { by })).toEqual({ ref, state: to });
    expect(await request(ref)).toMatchObject({ state: to, held_from: null, code: null, detail: null });
    expect((await entries(ref)).slice(-2)).toMatchObject([
      { kind: "request.held", matter: "LG-Berlin/12-O-7" },
      { kind: "request.released" },
    ]);
  });

  test("takes a file reference and no sentence", async () => {
    const ref = await add("a@example.com");
    await expect(holdRequest(t.context, ref, { by, matter: "Winter v. us" })).rejects.toMatchObject({
      code: "HOLD_INVALID",
    });
    expect(await request(ref)).toMatchObject({ state: "received" });
  });
});

test("what does not fit a request's state is refused, says what would, and changes nothing", async () => {
  const ref = await add("a@example.com");
  const decide = {
    approve: () => approveRequests(t.context, [ref], { by, planFor }),
    refuse: () => refuseRequest(t.context, ref, { by, reason: "excessive" }),
    withdraw: () => withdrawRequest(t.context, ref, { by }),
    hold: () => holdRequest(t.context, ref, { by, matter: "AZ-7" }),
    release: () => releaseRequest(t.context, ref, { by }),
  };
  const allowed: Record<RequestState, string> = {
    received: "approve refuse withdraw hold",
    verified: "approve refuse withdraw hold",
    approved: "refuse withdraw hold",
    scheduled: "refuse withdraw hold",
    erasing: "",
    erased: "",
    archived: "",
    completed: "",
    blocked: "approve refuse withdraw hold",
    held: "refuse withdraw release",
    failed: "approve refuse withdraw hold",
    refused: "",
    withdrawn: "",
  };
  const before = (await entries(ref)).length;
  for (const state of requestStates) {
    await put(ref, state);
    for (const [name, run] of Object.entries(decide)) {
      if (allowed[state].split(" ").includes(name)) continue;
      const error: unknown = await run().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: "REQUEST_STATE",
        message: `request ${ref} is ${state}: you cannot ${name} it`,
      });
      expect(error).toMatchObject({
        hint:
          allowed[state] === ""
            ? "nothing can be decided about it now"
            : `possible now: ${allowed[state].replaceAll(" ", ", ")}`,
      });
    }
    expect(await request(ref)).toMatchObject({ state });
  }
  expect(await entries(ref)).toHaveLength(before);
  expect(await remembered()).toBe(1);
});

test("a reference is read as people type it; anything else is unknown and not quoted", async () => {
  const ref = await add("a@example.com");
  await expect(withdrawRequest(t.context, "canary@example.com", { by })).rejects.toSatisfy(
    (error) =>
      error instanceof Error &&
      "code" in error &&
      error.code === "REQUEST_UNKNOWN" &&
      !error.message.includes("canary"),
  );
  const typed = ref.toLowerCase().replace("r-", "").replaceAll("0", "o").replaceAll("1", "l");
  expect(await withdrawRequest(t.context, typed, { by })).toMatchObject({ ref });
});

test("the ledger and the logs name neither the person nor who decided", async () => {
  const ref = await add("canary-subject@example.com");
  await approveRequests(t.context, [ref], { by, planFor });
  await holdRequest(t.context, ref, { by, matter: "AZ-7" });
  await releaseRequest(t.context, ref, { by });
  await refuseRequest(t.context, ref, { by, reason: "legal-claims", citation: "BGB §195" });
  const text = JSON.stringify(await t.state.query("select * from lethe.ledger_entry")) + t.logged();
  expect(text).toContain("request.refused");
  expect(text).not.toMatch(/canary|J\u00f6rg/i);
});

test("the counts reconcile whatever states requests are in", async () => {
  await t.state.query(
    `insert into lethe.request (ref, state, received_on, due_on, due_basis, created_at, changed_at)
     select state || n, state, '2026-10-01', case n when 1 then '2026-11-01' else '2026-11-02' end::date, 'x', now(), now()
     from unnest($1::text[]) as state, generate_series(1, 2) as n`,
    [requestStates],
  );
  const counts = await requestCounts(t.context.state.db, Temporal.PlainDate.from("2026-11-02"));
  expect(counts).toEqual({
    received: 26,
    done: 6,
    refused: 2,
    withdrawn: 2,
    pending: 14,
    failed: 2,
    blocked: 2,
    overdue: 7,
  });
  expect(counts.received).toBe(counts.done + counts.refused + counts.withdrawn + counts.pending + counts.failed);
});
