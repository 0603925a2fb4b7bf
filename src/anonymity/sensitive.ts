import type { CatalogTable } from "#catalog/catalog.ts";
import { isOrdered } from "#catalog/types.ts";
import type { Sensitive } from "#records/anonymity.ts";

/** Columns by name, with what their types say of an order; of a column that the table lost nothing. */
export const sensitiveOf = (table: CatalogTable | undefined, names: readonly string[]): readonly Sensitive[] => {
  const ordered = new Set(table?.columns.filter(isOrdered).map(({ name }) => name));
  return names.map((column) => ({ column, ordered: ordered.has(column) }));
};
