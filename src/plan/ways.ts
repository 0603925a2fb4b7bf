import type { Edge } from "#records/plan.ts";

/**
 * The references along `columns`, each a column of the table that the one before leads to, from `table` to the subject's root table.
 * A column may have several (links that `where` divides): the way is the one that ends at the root; undefined when none or several do.
 */
export const wayToRoot = (
  edges: readonly Edge[],
  table: string,
  columns: readonly string[],
  root: string,
): readonly Edge[] | undefined => {
  const ways = waysFrom(edges, table, columns).filter((way) => way.at(-1)?.to.table === root);
  return ways.length === 1 ? ways[0] : undefined;
};

const waysFrom = (edges: readonly Edge[], table: string, columns: readonly string[]): readonly (readonly Edge[])[] => {
  const [column, ...rest] = columns;
  if (column === undefined) return [[]];
  return edges
    .filter((edge) => edge.table === table && edge.columns.length === 1 && edge.columns[0] === column)
    .flatMap((edge) => waysFrom(edges, edge.to.table, rest).map((way) => [edge, ...way]));
};
