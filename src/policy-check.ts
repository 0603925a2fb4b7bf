import type { Context } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";
import { currentShape } from "#forecast.ts";
import { isLetheError } from "#lib/errors.ts";
import type { Finding } from "#plan/finding.ts";
import { findingsOf } from "#plan/findings.ts";

export type PolicyCheck = {
  readonly store: string;
  readonly policy: string;
  readonly version: number;
  readonly digest: string;
  readonly tables: Readonly<Record<"erase" | "anonymise" | "retain" | "keep", number>>;
  readonly findings: readonly Finding[];
};

/** Checks every store's policy against its live schema, changing nothing; findings are returned, not thrown. */
export const checkPolicies = async (ctx: Context): Promise<readonly PolicyCheck[]> => {
  const checks: PolicyCheck[] = [];
  for (const store of ctx.stores) {
    const findings = await withStoreSession(store, async (session) => {
      const listed = await inTransaction(session, "read-only", async () =>
        findingsOf(store.policy, await catalogOf(session)),
      );
      if (listed.length > 0) return listed;
      // Only the database can evaluate its check constraints.
      return currentShape(session).then(
        () => [],
        (error: unknown) => {
          if (!isLetheError(error, "POLICY_CONTRADICTION") || error.place === undefined) throw error;
          return [{ code: error.code, message: error.message, place: error.place, hint: error.hint }];
        },
      );
    });
    const { name, version, digest } = store.policy;
    const tables = { erase: 0, anonymise: 0, retain: 0, keep: 0 };
    for (const rule of Object.values(store.policy.tables)) tables[rule.treatment] += 1;
    checks.push({ store: store.name, policy: name, version, digest, tables, findings });
  }
  return checks;
};
