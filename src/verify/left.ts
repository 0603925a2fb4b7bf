import { sql, type Kysely } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import type { StateDb } from "#db/state-schema.ts";
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

/**
 * Of places that the policy leaves, those in which more rows name a subject than were counted as the subject's own when they were left:
 * somebody else's row says so too, and that nobody declared.
 */
export const beyondStays = async (
  db: Kysely<StateDb>,
  store: string,
  policy: Policy,
  hits: readonly Hit[],
): Promise<readonly Hit[]> => {
  const declared = hits.filter(({ table, column }) => stays(policy, table, column));
  if (declared.length === 0) return [];
  const { rows } = await sql<Hit>`select x.request, x."table", x."column", x.rows
    from jsonb_to_recordset(${JSON.stringify(declared)}::jsonb) as x (request bigint, "table" text, "column" text, rows bigint)
    left join lethe.stay y on y.request_id = x.request and y.store = ${store}
      and y.table_name = x."table" and y.column_name = x."column"
    where x.rows > coalesce(y.rows, 0)`.execute(db);
  return rows;
};

const stays = (policy: Policy, table: string, column: string): boolean => staying(policy, table).includes(column);

const leavesAny = (policy: Policy, table: string): boolean => staying(policy, table).length > 0;

/** The columns of a table whose personal data the policy leaves. */
const staying = (policy: Policy, table: string): readonly string[] => {
  const rule = policy.tables[table];
  if (rule === undefined || rule.treatment === "erase") return [];
  if (rule.treatment === "keep") return rule.personal;
  return Object.keys(rule.columns).filter((column) => rule.columns[column]?.kind === "stays");
};
