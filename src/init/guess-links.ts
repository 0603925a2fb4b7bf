import type { Catalog, CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import type { ColumnGuesses } from "#init/guess-columns.ts";
import { wordsOf } from "#lib/words.ts";
import type { SubjectGuess } from "#init/guess-subject.ts";
import type { Link } from "#policy/policy.ts";

export type LinkGuess = { readonly link: Link; readonly reason: string };

/** References to the subject that the database does not declare: by the name and type of a column, and by audit tables. */
export const guessLinks = (catalog: Catalog, guesses: ColumnGuesses, subject: SubjectGuess): LinkGuess[] => {
  const root = subject.table;
  const key = root.columns.find(({ name }) => name === subject.key);
  const external = root.columns.find(({ name }) => guesses.get(root.name)?.get(name)?.kind === "external-id");
  const one = singular(wordsOf(root.relation).join("_"));
  return [...catalog.tables.values()].flatMap((table): LinkGuess[] => {
    if ((table.kind !== "table" && table.kind !== "partitioned") || table === root) return [];
    const audit = auditLink(table, subject);
    if (audit !== undefined) return [audit];
    if (table.foreignKeys.some(({ references }) => references.table === root.name)) return [];
    const declared = new Set(table.foreignKeys.flatMap(({ columns }) => columns));
    return table.columns
      .filter((column) => !declared.has(column.name))
      .flatMap((column): LinkGuess[] => {
        const name = wordsOf(column.name).join("_");
        const to = name === `${one}_id` && key !== undefined && alike(column, key) ? key : undefined;
        const reference = new RegExp(`^(${one}|user|customer|client|member)_(ref|uid|uuid|external_id)$`).test(name);
        const target = to ?? (reference && external !== undefined && alike(column, external) ? external : undefined);
        if (target === undefined) return [];
        const link = {
          from: { table: table.name, column: column.name },
          to: { table: root.name, column: target.name },
          where: {},
        };
        return [{ link, reason: "by the column's name; no foreign key declares it" }];
      });
  });
};

/** `(table_name, row_id)`: what audit triggers write. */
const auditLink = (table: CatalogTable, { table: root, key }: SubjectGuess): LinkGuess | undefined => {
  const find = (pattern: RegExp) =>
    table.columns.find(({ name, shape }) => shape !== "json" && pattern.test(wordsOf(name).join("_")));
  const of = find(/^(table|relation|entity|record|object|item|auditable)_?(name|type)$/);
  const row = find(/^(row|record|entity|object|item|auditable)_?(id|key|pk)$/);
  if (of === undefined || row === undefined || of.shape !== "text") return undefined;
  return {
    link: {
      from: { table: table.name, column: row.name },
      to: { table: root.name, column: key },
      where: { [of.name]: root.relation },
    },
    reason: "looks like an audit table; check how it writes the table's name",
  };
};

const alike = (a: CatalogColumn, b: CatalogColumn): boolean => {
  const integer = /^(bigint|integer|smallint)$/;
  return (
    a.type === b.type || (integer.test(a.type) && integer.test(b.type)) || (a.shape === "text" && b.shape === "text")
  );
};

export const singular = (name: string): string =>
  name === "people"
    ? "person"
    : name
        .replace(/ies$/, "y")
        .replace(/(ss|x|ch|sh)es$/, "$1")
        .replace(/([^s])s$/, "$1");
