import { clockedBy, readClockIndexes, type ClockIndex } from "#catalog/clock-index.ts";
import { columnFindings } from "#clickhouse/findings.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import type { Context, Store } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession, type StoreSession } from "#execute/store-session.ts";
import { currentShape } from "#forecast.ts";
import { isLetheError } from "#lib/errors.ts";
import { analyticsWarnings } from "#plan/analytics-warnings.ts";
import type { Finding } from "#plan/finding.ts";
import { findingsOf } from "#plan/findings.ts";
import { checkExamples, type ExampleCheck } from "#policy-examples.ts";

export type PolicyCheck = {
  readonly store: string;
  readonly policy: string;
  readonly version: number;
  readonly digest: string;
  readonly tables: Readonly<Record<"erase" | "anonymise" | "retain" | "keep", number>>;
  readonly findings: readonly Finding[];
  /** Not run while anything else is wrong. */
  readonly examples: { readonly run: number; readonly held: number };
  /** Large tables whose old rows no index finds: each night reads them whole. Nothing is wrong, and nothing is refused for it. */
  readonly indexes: readonly ClockIndex[];
  /** What the policy leaves open, or takes for granted, that somebody should know. */
  readonly warnings: readonly string[];
};

/** Checks every store's policy against its live schema and runs its examples, changing nothing; findings are returned, not thrown. */
export const checkPolicies = async (ctx: Context): Promise<readonly PolicyCheck[]> => {
  const checks: PolicyCheck[] = [];
  for (const store of ctx.stores) {
    const checked = await withStoreSession(store, async (session) => ({
      ...(await checkStore(ctx, session)),
      indexes: await missingIndexes(session),
      warnings: await warningsIn(session),
    }));
    checks.push(checkOf(store, checked));
  }
  for (const store of ctx.columnStores) {
    const findings = columnFindings(store.policy, await readColumnCatalog(store));
    checks.push(checkOf(store, { findings, run: 0, held: 0, indexes: [], warnings: [] }));
  }
  return checks;
};

const checkOf = (
  { name: store, policy }: Pick<Store, "name" | "policy">,
  { findings, run, held, indexes, warnings }: ExampleCheck & Pick<PolicyCheck, "indexes" | "warnings">,
): PolicyCheck => {
  const { name, version, digest } = policy;
  const tables = { erase: 0, anonymise: 0, retain: 0, keep: 0 };
  for (const rule of Object.values(policy.tables)) tables[rule.treatment] += 1;
  return { store, policy: name, version, digest, tables, findings, examples: { run, held }, indexes, warnings };
};

const checkStore = async (ctx: Context, session: StoreSession): Promise<ExampleCheck> => {
  const listed = await inTransaction(session, "read-only", async () =>
    findingsOf(session.store.policy, await catalogOf(session)),
  );
  if (listed.length > 0) return { run: 0, held: 0, findings: listed };
  try {
    // Only the database can evaluate its check constraints.
    const { catalog } = await currentShape(session);
    return await checkExamples(ctx, session, catalog);
  } catch (error) {
    if (!isLetheError(error, "POLICY_CONTRADICTION") || error.place === undefined) throw error;
    const finding = { code: error.code, message: error.message, place: error.place, hint: error.hint };
    return { run: 0, held: 0, findings: [finding] };
  }
};

const warningsIn = (session: StoreSession): Promise<readonly string[]> =>
  inTransaction(session, "read-only", async () => analyticsWarnings(session.store.policy, await catalogOf(session)));

const missingIndexes = async (session: StoreSession): Promise<readonly ClockIndex[]> => {
  const clocked = clockedBy(session.store.policy);
  const indexes = await inTransaction(session, "read-only", () => readClockIndexes(session.client, clocked));
  return indexes.filter(({ proposal }) => proposal.length > 0);
};
