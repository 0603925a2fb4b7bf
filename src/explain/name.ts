import type { Catalog } from "#catalog/catalog.ts";
import { nearest } from "#lib/nearest.ts";

export type Named = { readonly table: string; readonly column: string | undefined };

/**
 * `orders`, `orders.total`, `crm.notes` or `crm.notes.body`: the longest name of a table that it begins with, and a column of it. Both may
 * hold dots only where the store's names do.
 */
export const resolveName = (catalog: Catalog, name: string): Named | undefined => {
  if (catalog.tables.has(name)) return { table: name, column: undefined };
  for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
    const table = catalog.tables.get(name.slice(0, dot));
    const column = name.slice(dot + 1);
    if (table?.columns.some((candidate) => candidate.name === column) === true) return { table: table.name, column };
  }
  return undefined;
};

/** What is not there, and what was probably meant. */
export const unresolved = (
  catalogs: readonly Catalog[],
  name: string,
): { readonly what: string; readonly meant: string | undefined } => {
  const tables = catalogs.flatMap((catalog) => [...catalog.tables.values()]);
  const owner = tables
    .filter((table) => name.startsWith(`${table.name}.`))
    .toSorted((a, b) => b.name.length - a.name.length)[0];
  if (owner === undefined) {
    const dot = name.lastIndexOf(".");
    const names = tables.map((table) => table.name);
    const table = nearest(name, names) ?? (dot < 0 ? undefined : nearest(name.slice(0, dot), names));
    return { what: `no store has a table ${name}`, meant: table };
  }
  const column = name.slice(owner.name.length + 1);
  const near = nearest(
    column,
    owner.columns.map((candidate) => candidate.name),
  );
  return {
    what: `table ${owner.name} has no column ${column}`,
    meant: near === undefined ? undefined : `${owner.name}.${near}`,
  };
};
