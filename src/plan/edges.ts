import type { Catalog } from "#catalog/catalog.ts";
import type { ColumnName, Policy } from "#policy/policy.ts";
import { emptying } from "#plan/emptying.ts";
import { columnOf } from "#plan/missing.ts";
import type { Edge } from "#records/plan.ts";

/** Every reference between tables of the store: declared foreign keys first, then the policy's links. */
export const edgesOf = (catalog: Catalog, policy: Policy): readonly Edge[] => {
  const linked = new Set(policy.links.map(({ from }) => `${from.table}.${from.column}`));
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
      ...emptying(table, key, (column) => linked.has(`${table.name}.${column}`)),
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
    ...emptyingLink(catalog, link.from),
  }));
  return [...keys, ...links];
};

const emptyingLink = (catalog: Catalog, { table, column }: ColumnName): Pick<Edge, "nullable" | "emptied"> => {
  const nullable = columnOf(catalog.tables.get(table), column)?.nullable === true;
  return { nullable, emptied: nullable ? [column] : [] };
};

/** Casting the referred side to text leaves an index on the referring text column usable. */
const comparison = (catalog: Catalog, from: ColumnName, to: ColumnName): Edge["asText"] => {
  const [a, b] = [from, to].map(({ table, column }) => columnOf(catalog.tables.get(table), column));
  if (a === undefined || b === undefined || a.type === b.type) return undefined;
  return a.type === "text" || a.type.startsWith("character") ? "to" : "both";
};
