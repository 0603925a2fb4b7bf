import type { CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import type { Place } from "#lib/errors.ts";
import { changesWords, transformWords, type Becoming } from "#explain/words.ts";
import type { Policy, TableRule, Transform } from "#policy/policy.ts";
import { remediesOf, type Shape } from "#records/plan.ts";

export type ColumnExplanation = Becoming & {
  readonly column: string;
  readonly type: string;
  /** Where the policy says so; null where no line of it names the column. */
  readonly place: Place | null;
  /** What else the policy knows about it, and what else happens to it. */
  readonly also: readonly string[];
  /** Whether it is looked into after the erasure. */
  readonly searched: boolean;
};

/** What becomes of one column, which line says so, and what reads it. */
export const explainColumn = (
  policy: Policy,
  shape: Shape,
  table: CatalogTable,
  column: CatalogColumn,
): ColumnExplanation => {
  const rule = policy.tables[table.name];
  const listed = rule !== undefined && "columns" in rule ? rule.columns[column.name] : undefined;
  const marked = markOf(policy, shape, table.name, column.name);
  const fixed = marked ?? fixedColumn(rule, table, column);
  return {
    column: column.name,
    type: column.type,
    place: placeOf(policy, rule, table.name, column.name, marked !== undefined),
    ...(fixed ?? treated(rule, listed) ?? untreated(table, rule, column.name)),
    also: [...roles(policy, table, column.name), ...changes(shape, table.name, column.name)],
    searched: isSearched(table, column),
  };
};

/** Verification looks into whatever can hold text, of tables and of what is stored of views. */
export const isSearched = (table: CatalogTable, { shape }: CatalogColumn): boolean =>
  table.kind !== "view" && shape !== "other";

const placeOf = (
  policy: Policy,
  rule: TableRule | undefined,
  table: string,
  column: string,
  marked: boolean,
): Place | null => {
  if (marked) return policy.placeOf(["deletion", "set", column]);
  if (rule === undefined) return null;
  if ("columns" in rule) {
    return rule.columns[column] === undefined ? null : policy.placeOf(["tables", table, "columns", column]);
  }
  return rule.treatment === "keep" && rule.personal.includes(column)
    ? policy.placeOf(["tables", table, "personal", rule.personal.indexOf(column)])
    : null;
};

const markOf = (policy: Policy, { root, deletion }: Shape, table: string, column: string): Becoming | undefined => {
  const mark = table === root.table ? deletion.mark.find(({ name }) => name === column) : undefined;
  if (mark === undefined) return undefined;
  const { becomes } = transformWords(mark.transform);
  if (policy.deletion.mode !== "soft-then-hard")
    return { becomes, means: "says from then on that the subject is deleted" };
  const rule = policy.tables[table];
  const after = rule !== undefined && "columns" in rule ? rule.columns[column] : undefined;
  const then =
    rule?.treatment === "erase"
      ? "goes with the row"
      : after === undefined
        ? "stays so"
        : transformWords(after).becomes;
  return {
    becomes: `${becomes} at once, then: ${then}`,
    means: "says that the subject is deleted while the time of grace runs",
  };
};

/** What no rule has to name. */
const fixedColumn = (rule: TableRule | undefined, table: CatalogTable, column: CatalogColumn): Becoming | undefined => {
  if (rule?.treatment !== "anonymise" && rule?.treatment !== "retain") return undefined;
  if (column.generated) return { becomes: "computed anew", means: "follows the columns it is computed from" };
  const listed = rule.columns[column.name]?.kind;
  if (table.primaryKey.includes(column.name) && listed !== "rekey" && listed !== "shuffle")
    return { becomes: "stays as it is", means: "names the row, not the person" };
  return undefined;
};

const treated = (rule: TableRule | undefined, transform: Transform | undefined): Becoming | undefined => {
  if (transform === undefined) return undefined;
  return transform.kind === "keep" && rule?.treatment === "retain"
    ? { becomes: "stays as it is", means: "part of the record that is retained" }
    : transformWords(transform);
};

const untreated = ({ kind }: CatalogTable, rule: TableRule | undefined, column: string): Becoming => {
  if (rule?.treatment === "erase") return { becomes: "gone", means: "goes with the row" };
  if (kind === "view") return { becomes: "what its tables say", means: "a view holds nothing of its own" };
  if (kind === "materialised-view")
    return { becomes: "what its tables say", means: "it is refreshed when they have changed" };
  if (rule?.treatment === "keep" && rule.personal.includes(column)) {
    return transformWords({ kind: "stays", why: rule.reason });
  }
  return {
    becomes: "stays as it is",
    means: rule === undefined ? "no rule names the table" : "the rule keeps the table",
  };
};

const roles = (policy: Policy, table: CatalogTable, column: string): readonly string[] => {
  const { subject } = policy;
  const rule = policy.tables[table.name];
  const isRoot = table.name === subject.table;
  const kind = isRoot ? Object.entries(subject.identifiers).find(([, name]) => name === column)?.[0] : undefined;
  const analytics = rule?.treatment === "anonymise" ? rule.analytics : undefined;
  const links = policy.links.filter(({ from }) => from.table === table.name && from.column === column);
  const keys = table.foreignKeys.filter(({ columns }) => columns.includes(column));
  return [
    ...(isRoot && subject.key === column ? ["the key of the subject"] : []),
    ...(kind === undefined
      ? []
      : [`the subject's ${kind.replace("_", " ")}: searched for everywhere after the erasure`]),
    ...(isRoot && subject.names.includes(column)
      ? ["a name of the subject: taken out of the text of its own rows, not searched for elsewhere"]
      : []),
    ...(rule !== undefined && "owner" in rule && rule.owner?.includes(column) === true
      ? ["says whose the row is"]
      : []),
    ...(rule?.treatment === "retain" && rule.clock === column ? ["the period of retention counts from it"] : []),
    ...(analytics?.quasi.includes(column) === true
      ? [`one of the columns over which k = ${analytics.k} is measured`]
      : []),
    ...(analytics?.sensitive.includes(column) === true
      ? ["nobody should learn it of somebody who is found in a class"]
      : []),
    ...(analytics?.conserve.some((total) => total.measure === "sum" && total.column === column) === true
      ? ["its sum must be the same before and after"]
      : []),
    ...(analytics?.clock === column ? [`puts the row into its ${analytics.per}`] : []),
    ...new Set(keys.map(({ references }) => `refers to ${references.table} (a foreign key)`)),
    ...new Set(links.map(({ to }) => `refers to ${to.table} (a link of the policy)`)),
  ];
};

const cutReasons = {
  mention: "where it names a row that is erased",
  spared: "where somebody else has the row too",
  cycle: "to break a circle of references",
} as const;

/** What happens to it besides its rule. */
const changes = (shape: Shape, table: string, column: string): readonly string[] => [
  ...shape.steps.flatMap((step) =>
    step.kind === "cut" && step.table === table && step.edge.emptied.includes(column)
      ? [`emptied ${cutReasons[step.why]}`]
      : [],
  ),
  ...remediesOf(shape).flatMap(({ code, table: changed, remedy }) => {
    const set = changed === table ? remedy.changes.filter(({ name }) => name === column) : [];
    return set.length === 0 ? [] : [`the remedy of ${code}: ${changesWords(set)}`];
  }),
];
