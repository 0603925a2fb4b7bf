import type { Catalog, CatalogTable, ForeignKey } from "#catalog/catalog.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf } from "#plan/missing.ts";
import type { Policy } from "#policy/policy.ts";
import type { Edge } from "#records/plan.ts";

/**
 * How a row is made to refer to nothing. Of a key of several columns one empty column is enough, and the others may say something else
 * of the row, such as its tenant: only the one that can be empty and that nothing else needs is emptied, or those that the schema itself
 * lists for the purpose.
 */
export const emptying = (
  table: CatalogTable,
  key: ForeignKey,
  isLinked: (column: string) => boolean,
): Pick<Edge, "nullable" | "emptied"> => {
  const mayBeNull = (name: string): boolean => {
    const column = columnOf(table, name);
    return column?.nullable === true && !column.generated;
  };
  const { columns, match, setsNull } = key;
  const nullable = match === "full" ? columns.every(mayBeNull) : columns.some(mayBeNull);
  if (!nullable) return { nullable, emptied: [] };
  if (columns.length === 1) return { nullable, emptied: columns };
  if (setsNull.length < columns.length && setsNull.length > 0) {
    return { nullable, emptied: setsNull.every(mayBeNull) ? setsNull : [] };
  }
  const free = columns.filter((name) => mayBeNull(name) && !isLinked(name) && !isNeeded(table, key, name));
  const all = free.length === columns.length && (match === "full" || setsNull.length > 0);
  return { nullable, emptied: all || (match === "simple" && free.length === 1) ? free : [] };
};

/** A column that is part of another key of the row as well. */
const isNeeded = (table: CatalogTable, key: ForeignKey, column: string): boolean => {
  const others = [
    table.primaryKey,
    // One that is unique by the reference alone says that at most one row refers to another.
    ...table.unique
      .map(({ columns }) => columns)
      .filter((columns) => columns.some((name) => !key.columns.includes(name))),
    ...table.foreignKeys.filter(({ name }) => name !== key.name).map(({ columns }) => columns),
  ];
  return others.some((columns) => columns.includes(column));
};

/** ON DELETE SET NULL into a NOT NULL column: the database refuses to delete what is referred to. */
export const isEmptiedInVain = (catalog: Catalog, { table: name, name: key, onDelete }: Edge): boolean => {
  const table = catalog.tables.get(name);
  const setsNull = table?.foreignKeys.find((candidate) => candidate.name === key)?.setsNull ?? [];
  return onDelete === "set null" && setsNull.some((column) => columnOf(table, column)?.nullable !== true);
};

export const unclearFinding = (policy: Policy, { name, table, columns }: Edge): Finding => ({
  code: "POLICY_CONTRADICTION",
  message: `rows of ${table} have to be cut loose from what they refer to (${name}), and the schema leaves open which of ${columns.join(", ")} to empty`,
  place: policy.placeOf(["tables", table]),
  hint: `make the columns that stay NOT NULL, or declare the reference ON DELETE SET NULL (column) with the column to empty`,
});
