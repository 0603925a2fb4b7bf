import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Policy, Remedy } from "#policy/policy.ts";
import { changesOf } from "#plan/changes.ts";
import { keyOf } from "#plan/scopes.ts";
import { wayToRoot } from "#plan/ways.ts";
import type { Edge, PlannedBlocker, PlannedRemedy } from "#records/plan.ts";

/** The policy's blockers with their ways found in the schema; those that block come before those that are remedied. */
export const blockersOf = (policy: Policy, catalog: Catalog, edges: readonly Edge[]): readonly PlannedBlocker[] => {
  const planned = policy.blockers.map(({ whose, other, remedy, ...blocker }): PlannedBlocker => {
    const table = catalog.tables.get(blocker.table);
    const way = (columns: readonly string[] | undefined) =>
      columns === undefined ? undefined : wayToRoot(edges, blocker.table, columns, policy.subject.table);
    return {
      ...blocker,
      whose: way(whose),
      other: way(other),
      remedy: remedy === undefined ? undefined : remedyOf(policy, table, remedy),
    };
  });
  return [
    ...planned.filter(({ remedy }) => remedy === undefined),
    ...planned.filter(({ remedy }) => remedy !== undefined),
  ];
};

const remedyOf = (policy: Policy, table: CatalogTable | undefined, remedy: Remedy): PlannedRemedy => {
  const key = keyOf(policy, table);
  switch (remedy.kind) {
    case "set":
      return { kind: "set", changes: changesOf(table, remedy.columns), key };
    case "unlink":
      return { kind: "unlink", changes: changesOf(table, { [remedy.column]: { kind: "null" } }), key };
    case "remove":
      return { kind: "remove", changes: [], key };
  }
};
