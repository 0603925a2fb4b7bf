import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Hit } from "#verify/search.ts";

/**
 * Whether the policy says that it leaves personal data where some was found: in the column itself, in a materialised view over its table,
 * or in PostgreSQL's statistics of either. What it does not say is a residual.
 */
export const isLeft = (policy: Policy, catalog: Catalog, { table, column }: Pick<Hit, "table" | "column">): boolean => {
  const statistics = table === statisticsTable;
  const dot = statistics ? column.search(/\.\(|\.[^.(]*$/) : -1;
  const name = statistics ? column.slice(0, dot) : table;
  const of = statistics ? column.slice(dot + 1) : column;
  // `customers.(customers_email_folded)`: an expression over columns of the table.
  if (stays(policy, name, of) || (statistics && of.startsWith("(") && leavesAny(policy, name))) return true;
  return [...catalog.tables.values()].some(
    ({ kind, name: other, partitions, reads }) =>
      (partitions.includes(name) && stays(policy, other, of)) ||
      (kind === "materialised-view" && other === name && reads.some((source) => leavesAny(policy, source))),
  );
};

/** Where the search of statistics says that it found something. */
const statisticsTable = "pg_stats";

const stays = (policy: Policy, table: string, column: string): boolean => {
  const rule = policy.tables[table];
  if (rule === undefined || rule.treatment === "erase") return false;
  return rule.treatment === "keep" ? rule.personal.includes(column) : rule.columns[column]?.kind === "stays";
};

const leavesAny = (policy: Policy, table: string): boolean => {
  const rule = policy.tables[table];
  if (rule === undefined || rule.treatment === "erase") return false;
  if (rule.treatment === "keep") return rule.personal.length > 0;
  return Object.values(rule.columns).some(({ kind }) => kind === "stays");
};
