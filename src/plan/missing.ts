import type { CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";

export const missingTable = (policy: Policy, path: readonly (string | number)[], name: string): Finding => ({
  code: "POLICY_TABLE_MISSING",
  message: `the store has no table ${name}`,
  place: policy.placeOf(path),
  hint: "correct the name, or remove the rule if the table is gone",
});

export const missingColumn = (
  policy: Policy,
  path: readonly (string | number)[],
  table: string,
  column: string,
): Finding => ({
  code: "POLICY_COLUMN_MISSING",
  message: `table ${table} has no column ${column}`,
  place: policy.placeOf(path),
  hint: "correct the name, or remove it if the column is gone",
});

export const columnOf = (table: CatalogTable | undefined, name: string): CatalogColumn | undefined =>
  table?.columns.find((column) => column.name === name);
