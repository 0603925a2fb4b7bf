import type { Catalog } from "#catalog/catalog.ts";
import type { ColumnName, Policy } from "#policy/policy.ts";
import type { Edge } from "#records/plan.ts";

/** Every reference between tables of the store: declared foreign keys first, then the policy's links. */
export const edgesOf = (catalog: Catalog, policy: Policy): readonly Edge[] => {
  const nullable = (table: string, columns: readonly string[]): boolean => {
    const byName = new Map(catalog.tables.get(table)?.columns.map((column) => [column.name, column]));
    return columns.every((column) => byName.get(column)?.nullable === true);
  };
  const keys = [...catalog.tables.values()].flatMap((table) =>
    table.foreignKeys.map((key): Edge => ({
      name: key.name,
      declared: "foreign-key",
      table: table.name,
      columns: key.columns,
      to: key.references,
      asText: undefined,
      where: {},
      onDelete: key.onDelete,
      deferrable: key.deferrable,
      nullable: nullable(table.name, key.columns),
    })),
  );
  const links = policy.links.map((link): Edge => ({
    name: `${link.from.table}.${link.from.column} -> ${link.to.table}.${link.to.column}`,
    declared: "link",
    table: link.from.table,
    columns: [link.from.column],
    to: { table: link.to.table, columns: [link.to.column] },
    asText: comparison(catalog, link.from, link.to),
    where: link.where,
    onDelete: "nothing",
    deferrable: false,
    nullable: nullable(link.from.table, [link.from.column]),
  }));
  return [...keys, ...links];
};

/** Casting the referred side to text leaves an index on the referring text column usable. */
const comparison = (catalog: Catalog, from: ColumnName, to: ColumnName): Edge["asText"] => {
  const columnOf = ({ table, column }: ColumnName) =>
    catalog.tables.get(table)?.columns.find((candidate) => candidate.name === column);
  const [a, b] = [columnOf(from), columnOf(to)];
  if (a === undefined || b === undefined || a.type === b.type) return undefined;
  return a.type === "text" || a.type.startsWith("character") ? "to" : "both";
};
