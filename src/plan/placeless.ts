import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { hasNoKey, type Scope } from "#records/plan.ts";

/**
 * Rows without a key whose places triggers change. Before the table's own statement they are looked for once more; but which of them
 * somebody else shares, or what has become of them after it, could not be told any more.
 */
export const placelessFindings = (policy: Policy, catalog: Catalog, scopes: readonly Scope[]): readonly Finding[] =>
  scopes
    .filter((scope) => hasNoKey(scope) && scope.late)
    .filter(({ table, contested, uses }) => {
      const triggers = catalog.tables.get(table)?.triggers ?? [];
      const stays = policy.tables[table]?.treatment !== "erase";
      return contested || uses.length > 0 || (stays && triggers.some(({ writesTo }) => writesTo.includes(table)));
    })
    .map(({ table }) => ({
      code: "POLICY_CONTRADICTION",
      message: `triggers change rows of ${table}, which has no key: they could not be found again`,
      place: policy.placeOf(["tables", table]),
      hint: `give ${table} a primary key, or a unique key of columns that are NOT NULL`,
    }));
