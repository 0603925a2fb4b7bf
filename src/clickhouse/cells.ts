import type { ColumnClient } from "#clickhouse/client.ts";
import { list } from "#clickhouse/sql.ts";
import type { Sensitive } from "#records/anonymity.ts";

/** A table of our own over which everything is measured: `q0, …, v0, …`, whose rows they are where that is told apart, and `w`, how many. */
export type Cells = { readonly table: string; readonly quasi: number; readonly sensitive: readonly Sensitive[] };

/** What tells classes apart. */
export const keysOf = ({ quasi }: Pick<Cells, "quasi">): string =>
  list(Array.from({ length: quasi }, (_, index) => `q${index}`));

/**
 * Reads a source once, a query with a row for each row and columns `q0, …, v0, …` and perhaps `others`, and keeps how many rows are equal in all of
 * them; whatever is measured works on these.
 */
export const createCells = (
  client: ColumnClient,
  cells: Cells,
  source: string,
  others: readonly string[] = [],
): Promise<void> => {
  const values = cells.sensitive.map((_, index) => `v${index}`);
  const by = list([keysOf(cells), ...values, ...others]);
  return client.run(
    `create table ${cells.table} engine = MergeTree order by tuple() as select ${by}, count() as w from (${source}) group by ${by}`,
  );
};
