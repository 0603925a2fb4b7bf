import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context } from "#context.ts";
import { showText } from "#cli/show-text.ts";
import { approveAll, approveRequests, type Approval } from "#intake/approve.ts";
import { withdrawRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { showRequest } from "#intake/show.ts";
import { digestOf } from "#lib/canonical.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

const policy = `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
classes:
  voucher: { basis: HGB §257, period: P8Y, anchor: end-of-calendar-year }
  claim: { basis: 'BGB §195, §199', period: P3Y, anchor: end-of-calendar-year, exception: e }
tables:
  customers: { treatment: anonymise, columns: { email: { set: null }, name: { stays: on parcels } } }
  payments: { treatment: retain, class: voucher, clock: on, columns: { customer_id: keep, on: keep } }
  invoices: { treatment: retain, class: voucher, clock: on, columns: { customer_id: keep, on: keep } }
  consents: { treatment: retain, class: claim, clock: on, columns: { customer_id: keep, on: keep } }
  notes: { treatment: keep, reason: history, personal: [body] }
`;

let t: TestContext;
beforeEach(async () => {
  t = await testContext({ now: "2026-11-02T02:00:00Z", policy });
});
afterEach(() => t.dispose());

const approval: Approval = {
  by: "dpo",
  planFor: () => Promise.resolve({ hash: "a".repeat(64), shape: "b".repeat(64), whom: [] }),
};
const add = async (email: string, fields: { ground?: string; regime?: string; received?: string } = {}) =>
  (await addRequest(t.context, { email, ...fields })).ref;
const entries = async () =>
  (await t.state.query<{ body: string }>("select body from lethe.ledger_entry order by index")).map(
    ({ body }) => JSON.parse(body) as Record<string, unknown>,
  );
const ofKind = async (kind: string) => (await entries()).filter((entry) => entry["kind"] === kind);

const exceptions = [
  { store: "shop", table: "consents", exception: "e", basis: "BGB §195, §199", class: "claim" },
  { store: "shop", table: "invoices", exception: "b", basis: "HGB §257", class: "voucher" },
  { store: "shop", table: "payments", exception: "b", basis: "HGB §257", class: "voucher" },
];

test("an approval says for every retained table by which exception and citation it stays, and nothing of what a policy leaves on purpose", async () => {
  const refs = [await add("a@example.com"), await add("b@example.com")];
  await approveAll(t.context, approval);
  const digest = digestOf(exceptions);
  for (const ref of refs) expect((await showRequest(t.context, ref)).exceptions).toEqual(exceptions);
  const told = await entries();
  expect(told.slice(-5).map(({ kind }) => kind)).toEqual([
    "exceptions.listed",
    "request.verified",
    "request.approved",
    "request.verified",
    "request.approved",
  ]);
  expect(told.at(-5)).toMatchObject({ digest, exceptions });
  expect(await ofKind("request.approved")).toMatchObject([{ exceptions: digest }, { exceptions: digest }]);
  expect(showText(await showRequest(t.context, refs[0] ?? ""))).toContain(
    [
      "What the approval leaves in place, by Art. 17(3) GDPR",
      "  (e) BGB §195, §199: shop.consents",
      "  (b) HGB §257: shop.invoices, shop.payments\n",
    ].join("\n"),
  );
  await withdrawRequest(t.context, refs[0] ?? "", { by: "dpo" });
  expect(showText(await showRequest(t.context, refs[0] ?? ""))).not.toContain("17(3)");
});

test("a thousand approvals hold the list once, and each keeps its own when the policy says otherwise later", async () => {
  const [first, second] = [await add("a@example.com"), await add("b@example.com")];
  await approveRequests(t.context, [first], approval);
  await approveRequests(t.context, [second], approval);
  expect(await t.state.query("select count(*) as n from lethe.exception_list")).toEqual([{ n: 1 }]);
  const later = await add("c@example.com");
  await approveAll(withoutClaims(t.context), approval);
  expect(await t.state.query("select count(*) as n from lethe.exception_list")).toEqual([{ n: 2 }]);
  expect((await showRequest(t.context, first)).exceptions).toEqual(exceptions);
  expect((await showRequest(t.context, later)).exceptions).toEqual(exceptions.slice(1));
  // Beside every approval, so that no bundle lacks what a digest stands for.
  expect(await ofKind("exceptions.listed")).toHaveLength(3);
});

const withoutClaims = (context: Context): Context => ({
  ...context,
  stores: context.stores.map((store) => {
    const { consents: _, ...tables } = store.policy.tables;
    return { ...store, policy: { ...store.policy, tables } };
  }),
});

test("where nothing is retained, the approval says that nothing is", async () => {
  const ref = await add("a@example.com");
  await approveAll({ ...t.context, stores: [] }, approval);
  expect(await ofKind("request.approved")).toMatchObject([{ exceptions: digestOf([]) }]);
  expect(await ofKind("exceptions.listed")).toMatchObject([{ exceptions: [] }]);
  const view = await showRequest(t.context, ref);
  expect(view.exceptions).toEqual([]);
  expect(showText(view)).not.toContain("17(3)");
});

test("a ground that is given with references is the decision's, in register and ledger; one for all is of those that have none", async () => {
  const [own, none, other] = [await add("a@example.com", { ground: "a" }), await add("b@example.com"), "c@example.com"];
  expect(await approveAll(t.context, { ...approval, ground: "d" })).toMatchObject({ approved: 2, withoutGround: 0 });
  const third = await add(other, { ground: "a" });
  await approveRequests(t.context, [third], { ...approval, ground: "b" });
  const stated = await t.state.query("select ref, ground from lethe.request order by id");
  expect(stated).toEqual([
    { ref: own, ground: "a" },
    { ref: none, ground: "d" },
    { ref: third, ground: "b" },
  ]);
  expect((await ofKind("request.approved")).map(({ request, ground }) => ({ ref: request, ground }))).toEqual(stated);
});

test("approvals without a ground are counted, but not those under a law that knows none", async () => {
  await add("a@example.com");
  await add("b@example.com", { ground: "c" });
  await add("c@example.com", { regime: "ccpa" });
  expect(await approveAll(t.context, approval)).toMatchObject({ approved: 3, withoutGround: 1 });
  const [first] = await ofKind("request.approved");
  expect(first).not.toHaveProperty("ground");
  const [named] = [await add("d@example.com")];
  expect(await approveRequests(t.context, [named], approval)).toMatchObject({ approved: 1, withoutGround: 1 });
});

test("an approval after the answer was due says by how many days, one on the day does not", async () => {
  const late = await add("a@example.com", { received: "2026-09-30" });
  const inTime = await add("b@example.com", { received: "2026-10-02" });
  await approveAll(t.context, approval);
  expect((await showRequest(t.context, late)).approved).toMatchObject({ daysLate: 3 });
  expect(showText(await showRequest(t.context, late))).toMatch(/^approved .* by dpo, 3 days after it was due, plan$/m);
  expect(await showRequest(t.context, inTime)).toMatchObject({ due: "2026-11-02", approved: { daysLate: null } });
});
