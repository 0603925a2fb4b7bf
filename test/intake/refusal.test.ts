import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { showText } from "#cli/show-text.ts";
import { refuseRequest } from "#intake/decide.ts";
import { refusalReasons } from "#intake/decision.ts";
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
    expect(view.refusal).toBeNull();
    expect(showText(view)).toMatch(/^reason {9}excessive$/m);
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
