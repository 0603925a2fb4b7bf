import { sql } from "kysely";
import type { Store } from "#context.ts";
import { emptyRoot } from "#ledger/tree.ts";
import { all, type Snapshot } from "#report/cursor.ts";
import { entriesOf } from "#register/read-decisions.ts";
import { unreconciled } from "#register/reconcile.ts";
import {
  decisionKinds,
  type LedgerFacts,
  type Period,
  type PolicyRow,
  type RegisterHead,
} from "#register/register-source.ts";

/** The head of the ledger, and the latest that was signed. */
export const readLedger = async (snapshot: Snapshot): Promise<LedgerFacts> => {
  const [head] = await all(
    snapshot,
    sql<{ size: number; root: string }>`select size, encode(root, 'hex') as root from lethe.ledger_head`,
  );
  const [checkpoint] = await all(
    snapshot,
    sql<NonNullable<LedgerFacts["checkpoint"]>>`select size, encode(root, 'hex') as root, signed_at as "signedAt"
      from lethe.checkpoint order by size desc limit 1`,
  );
  return { ...(head ?? { size: 0, root: emptyRoot.toString("hex") }), checkpoint: checkpoint ?? null };
};

/** How often what was decided about requests of the period. */
export const readDecisionCounts = async (snapshot: Snapshot, period: Period): Promise<RegisterHead["decisions"]> => {
  const rows = await all(
    snapshot,
    sql<{
      kind: string;
      n: number;
    }>`select entry.kind, count(*) as n ${entriesOf(decisionKinds, period)} group by entry.kind`,
  );
  const counted = decisionKinds.map((kind) => [kind, rows.find((row) => row.kind === kind)?.n ?? 0]);
  return Object.fromEntries(counted) as RegisterHead["decisions"];
};

/**
 * How many requests of the period the ledger says were received: an entry of that kind is written with each, in one transaction. One that
 * is in the ledger and not in the register, whatever its day, has been taken out of it: throws `REGISTER_UNRECONCILED` with its reference.
 */
export const readEntered = async (snapshot: Snapshot, period: Period): Promise<number> => {
  const missing = await all(
    snapshot,
    sql<{
      ref: string;
    }>`select distinct request_ref as ref from lethe.ledger_entry entry where kind = 'request.received'
      and not exists (select from lethe.request where request.ref = entry.request_ref) order by ref limit 3`,
  );
  if (missing.length > 0) {
    const refs = missing.map(({ ref }) => ref).join(", ");
    throw unreconciled(`${refs} ${missing.length === 1 ? "is" : "are"} in the ledger, and not in the register`);
  }
  const [row] = await all(
    snapshot,
    sql<{ n: number }>`select count(distinct request.ref) as n ${entriesOf(["request.received"], period)}`,
  );
  return row?.n ?? 0;
};

/** The policies by which runs have worked, by the digests that they recorded when they began, and those in force (A9). */
export const readPolicies = async (
  stores: readonly Pick<Store, "name" | "policy">[],
  snapshot: Snapshot,
): Promise<PolicyRow[]> => {
  const used = await all(
    snapshot,
    sql<{ store: string; digest: string; first: string; last: string }>`
      select policy.key as store, policy.value as digest, min(body ->> 'at') as first, max(body ->> 'at') as last
      from (select body::jsonb as body from lethe.ledger_entry where kind = 'run.started' offset 0) as started,
        jsonb_each_text(body -> 'policies') as policy
      group by 1, 2 order by 1, first`,
  );
  const isSame = (a: { readonly store: string; readonly digest: string }) => (b: typeof a) =>
    a.store === b.store && a.digest === b.digest;
  const now = stores.map(({ name: store, policy: { name, version, effective, owner, digest } }) => {
    const { first = null, last = null } = used.find(isSame({ store, digest })) ?? {};
    return { store, name, version, effective, owner, digest, inForce: true, first, last };
  });
  const past = used
    .filter((each) => !now.some(isSame(each)))
    .map((each) => ({ ...each, name: null, version: null, effective: null, owner: null, inForce: false }));
  return [...now, ...past];
};
