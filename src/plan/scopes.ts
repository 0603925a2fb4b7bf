import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import { parentOf, type Edge, type Scope } from "#records/plan.ts";
import { isLeftAlone, mayChange, type Reach } from "#plan/reach.ts";

/**
 * The scopes that the batch must derive: every treated table, every table through which one is reached, and every
 * table that a blocker looks at. Kept tables that lead nowhere cost nothing; they are `reached`, too.
 */
export const scopesOf = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
  which: "changed" | "reached" = "changed",
): readonly Scope[] => {
  const needed = new Set<string>([policy.subject.table]);
  const need = (table: string): void => {
    if (needed.has(table) && table !== policy.subject.table) return;
    needed.add(table);
    for (const via of found.vias.get(table) ?? []) need(parentOf(via));
  };
  for (const table of found.levels.keys()) {
    if (which === "reached" || !isLeftAlone(policy.tables[table])) need(table);
  }
  for (const { table, whose } of policy.blockers) if (whose === undefined && found.levels.has(table)) need(table);
  for (const { table } of policy.recipients) if (found.levels.has(table)) need(table);

  const copiedInto = new Set(
    [...catalog.tables.values()].flatMap((table) =>
      mayChange(policy, table.name) ? table.triggers.flatMap((trigger) => trigger.writesTo) : [],
    ),
  );

  return [...found.levels.keys()]
    .filter((table) => needed.has(table))
    .map((table) => {
      const vias = found.vias.get(table) ?? [];
      // What is kept needs nobody to spare it: it stays, and says of everybody what it says.
      const spares = policy.tables[table]?.treatment !== "keep" && table !== policy.subject.table;
      const owning = new Set(vias.filter((via) => via.direction === "refers").map((via) => via.edge));
      return {
        table,
        key: keyOf(policy, catalog.tables.get(table)),
        via: vias,
        self: found.selves.get(table),
        uses: spares ? usesOf(policy, table, edges, found) : [],
        late: copiedInto.has(table),
        // A reply belongs to what it replies to, and to whom wrote it.
        contested: spares && owning.size + (found.selves.has(table) ? 1 : 0) > 1,
      };
    });
};

/** The columns by which a row says whose it is, by whichever way; none where others refer to it. */
export const whoseOf = (scopes: readonly Scope[], table: string): readonly string[] => {
  const vias = scopes.find((scope) => scope.table === table)?.via ?? [];
  return [...new Set(vias.flatMap(({ edge, direction }) => (direction === "refers" ? edge.columns : [])))];
};

/** What finds a row again after other columns of it have changed. */
export const keyOf = (policy: Policy, table: CatalogTable | undefined): readonly string[] => {
  if (table === undefined || table.primaryKey.length > 0) return table?.primaryKey ?? [];
  const rule = policy.tables[table.name];
  const stays = (name: string): boolean =>
    table.columns.some((column) => column.name === name && !column.nullable) &&
    (rule === undefined || !("columns" in rule) || rule.columns[name]?.kind === "keep");
  return table.unique.find((unique) => unique.columns.every(stays))?.columns ?? ["tableoid", "ctid"];
};

/**
 * A reference uses a row when it is not how the referring row is owned: a payment that belongs to an invoice does not
 * use it, an order that is shipped to an address does.
 */
const usesOf = (policy: Policy, table: string, edges: readonly Edge[], found: Reach): readonly Edge[] =>
  edges.filter((edge) => {
    if (edge.to.table !== table) return false;
    // Where replies cannot be cut loose from what they reply to, that stays.
    if (edge.table === table)
      return policy.tables[table]?.treatment === "erase" && !edge.nullable && found.selves.get(table) !== edge;
    const ownedBy = (found.vias.get(edge.table) ?? []).some((via) => via.direction === "refers" && via.edge === edge);
    return !ownedBy;
  });
