import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { showText } from "#cli/show-text.ts";
import type { Context } from "#context.ts";
import { approveAll } from "#intake/approve.ts";
import { refuseRequest } from "#intake/decide.ts";
import { refusalReasons } from "#intake/decision.ts";
import { extendRequest } from "#intake/duties.ts";
import { refusalOf } from "#intake/refusal.ts";
import { addRequest } from "#intake/requests.ts";
import { showRequest } from "#intake/show.ts";
import { readLaw } from "#policy/law.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

const by = "dpo";
const letters = {
  "freedom-of-expression": "a",
  "legal-obligation": "b",
  "public-interest": "b",
  "public-health": "c",
  "archiving-or-research": "d",
  "legal-claims": "e",
} as const;
const onExceptions = Object.entries(letters).map(
  ([reason, letter]) => [reason as keyof typeof letters, letter] as const,
);
const others = refusalReasons.filter((reason) => !Object.hasOwn(letters, reason));

describe("a refusal", () => {
  let t: TestContext;
  beforeEach(async () => {
    t = await testContext({ now: "2026-11-02T02:00:00Z" });
  });
  afterEach(() => t.dispose());

  const add = async (received = "2026-11-01") =>
    (await addRequest(t.context, { email: "canary@example.com", received })).ref;
  const entry = async (): Promise<Record<string, unknown>> => {
    const [row] = await t.state.query<{ body: string }>(
      "select body from lethe.ledger_entry where kind = 'request.refused' order by index desc limit 1",
    );
    return JSON.parse(row?.body ?? "{}") as Record<string, unknown>;
  };
  const register = async (ref: string) => {
    const [row] = await t.state.query("select * from lethe.request where ref = $1", [ref]);
    return row;
  };

  test("on an exception stores its letter and the provision, which register, ledger and show cite", async () => {
    const ref = await add();
    await refuseRequest(t.context, ref, { by, reason: "legal-claims", citation: " ZPO   §\u00A0286 " });
    expect(await register(ref)).toMatchObject({
      state: "refused",
      reason: "legal-claims",
      refusal_exception: "e",
      refusal_citation: "ZPO § 286",
    });
    expect(await entry()).toMatchObject({ reason: "legal-claims", exception: "e", citation: "ZPO § 286" });
    const view = await showRequest(t.context, ref);
    expect(view).toMatchObject({ reason: "legal-claims", refusal: { exception: "e", citation: "ZPO § 286" } });
    expect(showText(view)).toMatch(/^reason {9}legal-claims, Art\. 17\(3\)\(e\) GDPR, ZPO § 286$/m);
  });

  test("for another reason stores no exception", async () => {
    const ref = await add();
    await refuseRequest(t.context, ref, { by, reason: "excessive" });
    expect(await register(ref)).toMatchObject({ reason: "excessive", refusal_exception: null, refusal_citation: null });
    for (const member of ["exception", "citation"]) expect(await entry()).not.toHaveProperty(member);
    const view = await showRequest(t.context, ref);
    expect(view.refusal).toEqual({ exception: null, citation: null, late: null });
    expect(showText(view)).toMatch(/^reason {9}excessive$/m);
  });

  test.each([
    ["2026-03-02T22:59:00Z", null],
    ["2026-03-02T23:01:00Z", 1], // the third of March in Berlin
    ["2026-03-14T09:00:00Z", 12],
  ])("is late from the day after the first month on: at %s", async (now, days) => {
    await t.dispose();
    t = await testContext({ now });
    const ref = await add("2026-01-31");
    const late = days === null ? null : { due: "2026-03-02", basis: "GDPR Art. 12(4)", days };
    const reason = "identity-not-proven";
    expect(await refuseRequest(t.context, ref, { by, reason })).toEqual({ ref, state: "refused", late });
    expect(await register(ref)).toMatchObject({ state: "refused", refusal_late: late });
    expect((await entry())["late"]).toEqual(late ?? undefined);
    const view = await showRequest(t.context, ref);
    expect(view.refusal).toEqual({ exception: null, citation: null, late });
    const told =
      /^refused late {3}(\d+) days? after 2026-03-02, by when the person had to be told why \(GDPR Art\. 12\(4\)\)$/m;
    expect(told.exec(showText(view))?.[1]).toBe(days === null ? undefined : String(days));
  });

  test("after an extension is late all the same under the GDPR, and in time in California", async () => {
    const early = t.at("2026-02-20T09:00:00Z");
    const extended = async (email: string, regime: string): Promise<string> => {
      const { ref } = await addRequest(early, { email, regime, received: "2026-01-31" });
      await extendRequest(early, ref, { by, reason: "complexity", noticed: "2026-02-20" });
      return ref;
    };
    const [berlin, california] = [await extended("a@example.com", "gdpr"), await extended("b@example.com", "ccpa")];
    const decided = t.at("2026-04-15T09:00:00Z");
    expect(await showRequest(decided, berlin)).toMatchObject({ due: "2026-04-30", daysLeft: 15 });
    const refuse = (ref: string) => refuseRequest(decided, ref, { by, reason: "excessive" });
    expect(await refuse(berlin)).toMatchObject({ late: { due: "2026-03-02", days: 44 } });
    expect(await refuse(california)).toMatchObject({ late: null });
  });

  test("by an approval, of what the policy does not allow, can be late too, and says for whom", async () => {
    const ref = await add("2026-09-30");
    const inTime = (await addRequest(t.context, { email: "b@example.com" })).ref;
    const planFor = () => Promise.resolve({ hash: "a".repeat(64), shape: "b".repeat(64), whom: [] });
    const stores = [{ name: "shop", policy: { purposes: ["clean-up"] } }] as unknown as Context["stores"];
    const decided = await approveAll({ ...t.context, stores }, { by, planFor });
    expect(decided).toMatchObject({ approved: 0, refused: [ref, inTime], refusedLate: [ref] });
    expect(await register(ref)).toMatchObject({
      reason: "purpose-not-allowed",
      refusal_late: { due: "2026-10-30", basis: "GDPR Art. 12(4)", days: 3 },
    });
    expect(await register(inTime)).toMatchObject({ reason: "purpose-not-allowed", refusal_late: null });
  });

  test("that is none leaves the request as it is, and quotes nothing", async () => {
    const ref = await add();
    const refused = refuseRequest(t.context, ref, { by, reason: "legal-claims", citation: "canary@example.com §1" });
    const error: unknown = await refused.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "REQUEST_INVALID", hint: expect.stringContaining("HGB §257") });
    expect(JSON.stringify(error) + String(error)).not.toContain("canary");
    expect(await register(ref)).toMatchObject({ state: "received", reason: null });
    expect(await entry()).toEqual({});
  });
});

test.each(onExceptions)("%s is the exception of Art. 17(3)(%s), and wants a citation", (reason, exception) => {
  expect(refusalOf({ reason, citation: "HGB §257" })).toEqual({ reason, exception, citation: "HGB §257" });
  expect(() => refusalOf({ reason })).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
});

test.each(others)("%s is no exception of Art. 17(3), and takes no citation", (reason) => {
  expect(refusalOf({ reason })).toEqual({ reason, exception: null, citation: null });
  expect(() => refusalOf({ reason, citation: "HGB §257" })).toThrow(
    expect.objectContaining({ code: "REQUEST_INVALID" }),
  );
});

test("what repeats an erasure after a restore is refused to nobody who waits", async () => {
  const t = await testContext({ now: "2026-11-02T02:00:00Z" });
  onTestFinished(() => t.dispose());
  const { ref } = await addRequest(t.context, { email: "a@example.com", received: "2026-01-31" });
  await t.state.query(
    `with restore as (insert into lethe.restore (store, as_of, noticed_at, batches) values ('shop', now(), now(), 1) returning id)
     update lethe.request set restore_id = restore.id from restore`,
  );
  expect(await refuseRequest(t.context, ref, { by, reason: "not-a-data-subject" })).toMatchObject({ late: null });
});

const cite = (citation: string) => () => refusalOf({ reason: "legal-obligation", citation });

test("every provision that ships with Lethe can be cited", () => {
  const cited = readLaw().flatMap(({ citation, overrides }) => [citation, ...overrides.map((each) => each.citation)]);
  const known = cited.filter((citation) => !citation.includes("to be cited"));
  expect(known.length).toBeGreaterThan(10);
  for (const citation of known) expect(cite(citation)()).toMatchObject({ citation });
});

test.each([
  ["no text", ""],
  ["no number", "because the law says so"],
  ["an e-mail address", "see ada@example.org 1"],
  ["a telephone number", "call 030 1234567"],
  ["a number of a customer", "§257 for 4711081"],
  ["Markdown", "*HGB* §257"],
  ["a link", "[HGB §257](x)"],
  ["two sentences over two lines with more than eighty letters", `HGB §257\n${"and more ".repeat(9)}`],
  ["letters that the letter could not be printed with", "Закон 1"],
  ["what would move the cursor", "HGB §257\u001B[1m"],
])("a citation that is %s is none", (_, citation) => {
  expect(cite(citation)).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
});
