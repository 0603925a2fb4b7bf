import type { CatalogTable } from "#catalog/catalog.ts";
import type { Transform } from "#policy/policy.ts";
import type { ColumnChange, Stay } from "#records/plan.ts";

/** The columns that a rule changes, with what the statements need to know of their types. */
export const changesOf = (
  table: CatalogTable | undefined,
  columns: Readonly<Record<string, Transform>>,
): readonly ColumnChange[] => {
  const known = new Map(table?.columns.map((column) => [column.name, column]));
  return Object.entries(columns)
    .filter(([, { kind }]) => kind !== "keep" && kind !== "stays")
    .map(([name, transform]): ColumnChange => {
      const column = known.get(name);
      const change = { name, type: column?.type ?? "text", json: column?.shape === "json", transform };
      return transform.kind === "rekey" && isAlone(table, name) ? { ...change, alone: true } : change;
    });
};

export const staysOf = (columns: Readonly<Record<string, Transform>>): readonly Stay[] =>
  Object.entries(columns).flatMap(([column, transform]) =>
    transform.kind === "stays" ? [{ column, why: transform.why }] : [],
  );

/** The column alone tells rows apart: by the primary key or a unique index. */
export const isAlone = (table: CatalogTable | undefined, name: string): boolean =>
  [table?.primaryKey ?? [], ...(table?.unique ?? []).map(({ columns }) => columns)].some(
    (columns) => columns.length === 1 && columns[0] === name,
  );
