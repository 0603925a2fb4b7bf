import type { Policy, Transform } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { nulls, owns, type Reach } from "#plan/reach.ts";
import type { Catalog, ForeignKey } from "#catalog/catalog.ts";
import type { Edge } from "#records/plan.ts";

/** Keys that a rule changes while rows of another table go on referring to what they said: the database refuses that for everybody. */
export const referredFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
): readonly Finding[] =>
  edges.flatMap((edge): readonly Finding[] => {
    const { table, columns } = edge.to;
    if (edge.declared !== "foreign-key" || !found.levels.has(table)) return [];
    const changed = columns.find((name) => isChanged(changesIn(policy, table)[name]));
    if (changed === undefined || follows(keyOf(catalog, edge)) || letsGo(policy, edge, found)) return [];
    const referring = `${edge.table}.${edge.columns.join(",")}`;
    const mayLetGo = edge.nullable && edge.table !== table && owns(policy, edge);
    return [
      {
        code: "POLICY_CONTRADICTION",
        message: `${table}.${changed} would change, and rows of ${edge.table} go on referring to what it said (${edge.name})`,
        place: policy.placeOf(["tables", table, "columns", changed]),
        hint: `keep ${table}.${changed}, declare ${edge.name} ON UPDATE CASCADE${mayLetGo ? `, or set ${referring} to null` : ""}`,
      },
    ];
  });

const changesIn = ({ tables, subject, deletion }: Policy, table: string): Readonly<Record<string, Transform>> => {
  const rule = tables[table];
  const columns = rule !== undefined && "columns" in rule ? rule.columns : {};
  return table === subject.table ? { ...columns, ...deletion.mark?.set } : columns;
};

const isChanged = (transform: Transform | undefined): boolean =>
  transform !== undefined && transform.kind !== "keep" && transform.kind !== "stays";

const keyOf = (catalog: Catalog, { table, name }: Edge): ForeignKey | undefined =>
  catalog.tables.get(table)?.foreignKeys.find((key) => key.name === name);

/** The database takes the reference along, or empties it. */
export const followsKey = (catalog: Catalog, edge: Edge): boolean => follows(keyOf(catalog, edge));

const follows = (key: ForeignKey | undefined): boolean =>
  key?.onUpdate === "cascade" || key?.onUpdate === "set null" || key?.onUpdate === "set default";

/** The rows that refer are the same person's, and go or let go by their own rule, before: tables farther from the person come first. */
const letsGo = (policy: Policy, edge: Edge, found: Reach): boolean => {
  const rule = policy.tables[edge.table];
  const order = [...found.levels.keys()];
  if (order.indexOf(edge.table) <= order.indexOf(edge.to.table) || !owns(policy, edge)) return false;
  return rule?.treatment === "erase" || nulls(rule, edge);
};
