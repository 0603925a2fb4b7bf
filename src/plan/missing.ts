import type { Catalog, CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { nearest } from "#lib/nearest.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";

type Path = readonly (string | number)[];

export const missingTable = (policy: Policy, path: Path, name: string, catalog: Catalog): Finding => ({
  code: "POLICY_TABLE_MISSING",
  message: `the store has no table ${name}`,
  place: policy.placeOf(path),
  hint: meant(name, catalog.tables.keys()) ?? "correct the name, or remove the rule if the table is gone",
});

export const missingColumn = (policy: Policy, path: Path, table: CatalogTable, column: string): Finding => ({
  code: "POLICY_COLUMN_MISSING",
  message: `table ${table.name} has no column ${column}`,
  place: policy.placeOf(path),
  hint:
    meant(
      column,
      table.columns.map(({ name }) => name),
    ) ?? "correct the name, or remove it if the column is gone",
});

export const meant = (word: string, known: Iterable<string>): string | undefined => {
  const near = nearest(word, known);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
};

export const columnOf = (table: CatalogTable | undefined, name: string): CatalogColumn | undefined =>
  table?.columns.find((column) => column.name === name);
