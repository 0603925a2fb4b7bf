import { Temporal } from "temporal-polyfill";
import type { Context, State } from "#context.ts";
import { approveRequests } from "#intake/approve.ts";
import { releaseRequest } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { holdRows } from "#holds/rows.ts";
import { refuseRequest, withdrawRequest } from "#intake/decide.ts";
import { checkIdentity, confirmReceipt, extendRequest } from "#intake/duties.ts";
import { addRequest } from "#intake/requests.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { canaries, fillState } from "#test/report/fill-state.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

/** Personal data in tables of Lethe's own that no register may show, beyond that of `fillState`. */
export const registerCanaries = [
  ...canaries,
  "identity-key-canary-17",
  "@mail-canary.example",
  "grace-key-canary-18",
  "subject-address-canary",
];

/** Whose name looks like a formula. */
export const approver = "@SUM(A1:A9) Anna Berg";
const other = "Ben Ohne-Freigabe";
export const planHash = "a".repeat(64);

const policy = `policy: shop
version: 3
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
classes:
  voucher: { basis: 'HGB §257(1) no. 4', period: P8Y, anchor: end-of-calendar-year }
tables:
  customers: { treatment: anonymise, columns: { email: { set: null } } }
  invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { issued_on: keep, total: keep } }
  sessions: { treatment: erase, expires: { after: P90D, clock: seen_at, why: Art. 5(1)(e) GDPR } }
  products: { treatment: keep, reason: '=no personal data' }
`;

/** Tuesday, 3 November 2026, in Berlin: after the night of `fillState`. */
export const openRegister = (): Promise<TestContext> =>
  testContext({
    now: "2026-11-03T09:00:00Z",
    policy,
    schema: "create table customers (id int primary key, email text)",
  });

/** `requests` requests in all states but `erasing`, each with the entry of its receipt; what stays of some, and copies of them. */
export const fillRegister = async ({ context }: TestContext, requests: number): Promise<void> => {
  const { state } = context;
  await enter(state, requests);
  await state.pool.raw.query(
    `insert into lethe.outcome select id, 'shop', case state when 'archived' then 'archived_with_pii' else 'retained' end, run_id
     from lethe.request where state in ('erased', 'archived', 'completed')`,
  );
  await state.pool.raw.query(
    `insert into lethe.stay select id, 'shop', '+customers', 'email', 1, '-the account can be reactivated', null, null, run_id
     from lethe.request where state = 'archived'`,
  );
  await state.pool.raw.query(
    `insert into lethe.export select id, 'shop', repeat('cd', 32), 4096, 12, array[repeat('ef', 32)], '2026-11-02T01:00:15Z', run_id
     from lethe.request where state = 'completed'`,
  );
  await state.pool.raw.query(
    `insert into lethe.grace select id, 'shop', $1 from lethe.request where state = 'scheduled'`,
    ["grace-key-canary-18"],
  );
  await state.pool.raw.query(
    `insert into lethe.subject_identifier select id, 'shop', 'email', $1 from lethe.request where state = 'blocked'`,
    ["subject-address-canary"],
  );
};

const enter = async (state: State, requests: number): Promise<void> => {
  await fillState(state, requests);
  const { rows } = await state.pool.raw.query<{ ref: string; received_on: string; due_on: string; due_basis: string }>(
    "select ref, received_on, due_on, due_basis from lethe.request order by id",
  );
  const events = rows.map(({ ref, received_on, due_on, due_basis }): LedgerEvent => ({
    kind: "request.received",
    request: ref,
    received: received_on,
    due: due_on,
    basis: due_basis,
    source: "import",
    purpose: "delete-user",
  }));
  const at = Temporal.Instant.from("2026-11-02T01:01:00Z");
  await state.db.transaction().execute((transaction) => appendEntries(transaction, events, { at, run: null }));
};

export type Decided = Readonly<
  Record<
    "approved" | "refused" | "withdrawn" | "held" | "released" | "ended" | "extended" | "confirmed" | "checked",
    string
  >
>;

const matter = "AZ-2026/114";

/** Requests as people enter them and decide about them, one for each kind of decision. */
export const decide = async ({ context: ctx }: Pick<TestContext, "context">): Promise<Decided> => {
  const by = approver;
  const refs: Record<string, string> = {};
  const names = ["approved", "refused", "withdrawn", "held", "released", "ended", "extended", "confirmed", "checked"];
  for (const name of names) refs[name] = await add(ctx, name, name === "confirmed" ? "ccpa" : "gdpr");
  const decided = refs as Decided;
  const { rows } = await ctx.state.pool.raw.query<{ id: number }>("select id from lethe.request where ref = $1", [
    decided.approved,
  ]);
  const whom = rows.map(({ id }) => ({ request: id, store: "shop", key: "identity-key-canary-17" }));
  const planFor = () => Promise.resolve({ hash: planHash, shape: "b".repeat(64), whom });
  await approveRequests(ctx, [decided.approved], { by, planFor });
  await refuseRequest(ctx, decided.refused, { by: other, reason: "legal-claims", citation: "ZPO §142" });
  await withdrawRequest(ctx, decided.withdrawn, { by });
  for (const ref of [decided.held, decided.released, decided.ended]) await holdRequest(ctx, ref, { by, matter });
  await releaseRequest(ctx, decided.released, { by: other });
  const range = { store: "shop", table: "customers", clock: undefined, from: undefined, to: undefined };
  await holdRows(ctx, { by, matter: "AZ-2026/115", reason: "audit", until: "2027-01-31" }, range);
  await refuseRequest(ctx, decided.ended, { by, reason: "legal-claims", citation: "ZPO §142" });
  await extendRequest(ctx, decided.extended, { by, reason: "complexity", noticed: "2026-11-02" });
  await confirmReceipt(ctx, decided.confirmed, { by, on: "2026-11-02" });
  await checkIdentity(ctx, decided.checked, { by, step: "asked", on: "2026-10-20" });
  await checkIdentity(ctx, decided.checked, { by, step: "proven", on: "2026-10-30" });
  return decided;
};

const add = async (ctx: Context, name: string, regime: string): Promise<string> => {
  const fields = { email: `${name}@mail-canary.example`, received: "2026-10-12", ground: "a", regime };
  return (await addRequest(ctx, fields)).ref;
};
