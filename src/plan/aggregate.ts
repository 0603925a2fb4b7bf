import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { kindOf } from "#catalog/types.ts";
import type { Aggregate, Policy, TableRule } from "#policy/policy.ts";
import type { Edge } from "#records/plan.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf, missingColumn, missingTable } from "#plan/missing.ts";
import type { Reach } from "#plan/reach.ts";

type Anonymise = Extract<TableRule, { treatment: "anonymise" }>;
type Problem = readonly [what: string, hint: string];

/** Where rows cannot go into counts, or the table that takes the counts cannot hold them. */
export const aggregateFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
): readonly Finding[] =>
  Object.entries(policy.tables).flatMap(([name, rule]): readonly Finding[] => {
    const table = catalog.tables.get(name);
    if (rule.treatment !== "anonymise" || rule.aggregate === undefined || table === undefined) return [];
    const { aggregate } = rule;
    const path = ["tables", name, "aggregate"];
    const into = catalog.tables.get(aggregate.into);
    if (into === undefined) return [missingTable(policy, [...path, "into"], aggregate.into, catalog)];
    const { classes, period, count, sums } = aggregate;
    const named = [
      ...classes.map(({ column }) => ["other", column] as const),
      ...(period === undefined ? [] : [["period", period] as const]),
      ["count", count] as const,
      ...sums.map((each) => ["sums", each.into] as const),
    ];
    const missing = named.filter(([, column]) => columnOf(into, column) === undefined);
    if (missing.length > 0) return missing.map(([key, column]) => missingColumn(policy, [...path, key], into, column));
    const problems = [
      ...sourceProblems(policy, catalog, edges, table, rule),
      ...(found.levels.has(into.name) || into.name === name
        ? [
            [
              `rows of ${into.name} belong to people: counts of many cannot stand among them`,
              "name another table",
            ] as const,
          ]
        : []),
      ...targetProblems(table, into, aggregate),
    ];
    return problems.map(([what, hint]) => ({
      code: "POLICY_CONTRADICTION" as const,
      message: `aggregate of ${name}: ${what}`,
      place: policy.placeOf(path),
      hint,
    }));
  });

/** Rows that go must not take others along. */
const sourceProblems = (
  { subject }: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  { name, triggers, columns }: CatalogTable,
  { analytics }: Anonymise,
): readonly Problem[] => {
  const referring = [
    ...edges.filter((edge) => edge.to.table === name && edge.declared === "foreign-key"),
    ...catalog.outsiders.filter(({ references }) => references === name),
  ];
  const fired = triggers.filter(({ events }) => events.includes("delete"));
  const clock = columns.find((column) => column.name === analytics?.clock);
  return [
    ...(name === subject.table
      ? [["the subject's own row cannot become a count", "leave `aggregate` out"] satisfies Problem]
      : []),
    ...referring.map((edge): Problem => [
      `rows of ${edge.table} refer to rows that would go (${edge.name})`,
      "leave `aggregate` out, or drop the key",
    ]),
    ...fired.map((trigger): Problem => [
      `trigger ${trigger.name} fires when rows go`,
      "leave `aggregate` out, or let it fire on other changes only",
    ]),
    ...(clock?.nullable === true
      ? [[`${name}.${clock.name} may be empty, and such rows are of no period`, "make it NOT NULL"] satisfies Problem]
      : []),
  ];
};

const targetProblems = (table: CatalogTable, into: CatalogTable, aggregate: Aggregate): readonly Problem[] => {
  const { classes, period, count, sums } = aggregate;
  const typeOf = (name: string): string => columnOf(into, name)?.type ?? "";
  const cell = [...classes.map(({ column }) => column), ...(period === undefined ? [] : [period])].toSorted();
  const used = new Set([...cell, count, ...sums.map((each) => each.into)]);
  const isKey = (columns: readonly string[]): boolean =>
    columns.length === cell.length && columns.toSorted().every((name, index) => name === cell[index]);
  const keys = into.unique.filter(({ columns }) => isKey(columns));
  // What is empty is no class of its own where `other` says something: then no count looks for an empty one.
  const emptied = classes.find(({ column, other }) => other === null && columnOf(into, column)?.nullable === true);
  const isOnce = emptied === undefined || keys.some(({ nullsEqual }) => nullsEqual === true);
  const twice = [...cell, count, ...sums.map((each) => each.into)].filter(
    (name, index, all) => all.indexOf(name) < index,
  );
  return [
    ...(into.kind === "table" || into.kind === "partitioned"
      ? []
      : [[`${into.name} is no table`, "name a table"] satisfies Problem]),
    ...twice.map((name): Problem => [`${into.name}.${name} is named twice`, "name a column of its own for each"]),
    ...classes
      .filter(({ column }) => columnOf(table, column)?.type !== typeOf(column))
      .map(({ column }): Problem => [
        `${table.name}.${column} is ${columnOf(table, column)?.type ?? "missing"} and ${into.name}.${column} is ${typeOf(column)}`,
        "give both the same type",
      ]),
    ...classes
      .filter(({ column, other }) => other === null && columnOf(into, column)?.nullable === false)
      .map(({ column }): Problem => [
        `null into ${into.name}.${column}, which is NOT NULL`,
        "give `other` a value for it",
      ]),
    ...(period === undefined || typeOf(period) === "date"
      ? []
      : [
          [
            `${into.name}.${period} is ${typeOf(period)}, and a period is named by its first day`,
            "make it a date",
          ] satisfies Problem,
        ]),
    ...[count, ...sums.map((each) => each.into)]
      .filter((name) => kindOf(typeOf(name)) !== "number")
      .map((name): Problem => [
        `${into.name}.${name} is ${typeOf(name)}, and cannot be added to`,
        "name a column of numbers",
      ]),
    ...into.columns
      .filter((column) => used.has(column.name) && column.generated)
      .map(({ name }): Problem => [`${into.name}.${name} is generated`, "name a column that can be written"]),
    ...into.columns
      .filter((column) => !used.has(column.name) && !column.nullable && !column.hasDefault && !column.generated)
      .filter((column) => column.identity === undefined)
      .map(({ name }): Problem => [
        `nothing says what ${into.name}.${name} is in a new row, and it may not be empty`,
        "give it a default, or make it nullable",
      ]),
    ...(isKey(into.primaryKey) || keys.length > 0
      ? []
      : [
          [
            `nothing makes ${cell.join(", ")} unique in ${into.name}: a class might be counted in two rows`,
            `add unique ${emptied === undefined ? "" : "nulls not distinct "}(${cell.join(", ")})`,
          ] satisfies Problem,
        ]),
    ...(keys.length === 0 || isOnce
      ? []
      : [
          [
            `${into.name}.${emptied?.column ?? ""} may be empty, and UNIQUE lets in any number of rows where it is: a class might be counted in two rows`,
            `make it unique nulls not distinct (${cell.join(", ")}), from PostgreSQL 15 on, or give \`other\` a value for it`,
          ] satisfies Problem,
        ]),
  ];
};
