import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Policy, TableRule } from "#policy/policy.ts";
import type { Edge } from "#records/plan.ts";
import type { Finding } from "#plan/finding.ts";
import type { Reach } from "#plan/reach.ts";
import { followsKey } from "#plan/referred.ts";

type Anonymise = Extract<TableRule, { treatment: "anonymise" }>;
type Drawn = { readonly name: string; readonly kind: "rekey" | "shuffle" };

/** Where random keys, exchanged values, or rows that are put in again would tear references apart, or the schema does not let them be written. */
export const drawnFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
): readonly Finding[] =>
  [...found.levels.keys()].flatMap((name): readonly Finding[] => {
    const [rule, table] = [policy.tables[name], catalog.tables.get(name)];
    if (rule?.treatment !== "anonymise" || table === undefined) return [];
    const drawn = Object.entries(rule.columns).flatMap(([column, { kind }]): Drawn[] =>
      kind === "rekey" || kind === "shuffle" ? [{ name: column, kind }] : [],
    );
    const finding = (path: readonly string[], message: string, hint: string): Finding => ({
      code: "POLICY_CONTRADICTION",
      message,
      place: policy.placeOf(["tables", name, ...path]),
      hint,
    });
    return [
      ...drawn.flatMap((column) =>
        [...columnProblem(catalog, edges, table, rule, column), ...copyProblems(policy, table, rule)].map(
          ([what, hint]) => finding(["columns", column.name], `${name}.${column.name}: ${what}`, hint),
        ),
      ),
      ...(rule.reorder === undefined ? [] : orderProblems(policy, catalog, edges, table)).map(([what, hint]) =>
        finding(["order"], `${name}: ${what}`, hint),
      ),
    ];
  });

type Problem = readonly [string, string];

const columnProblem = (
  catalog: Catalog,
  edges: readonly Edge[],
  table: CatalogTable,
  rule: Anonymise,
  { name, kind }: Drawn,
): readonly Problem[] => {
  // Where rows go on referring to what it said, see referred.ts.
  const referring = edges.find(
    (edge) =>
      edge.to.table === table.name &&
      edge.to.columns.includes(name) &&
      (edge.declared === "link" || followsKey(catalog, edge)),
  );
  if (referring !== undefined) {
    const follow =
      referring.declared === "link" ? "they would no longer be found" : "the database would change them too";
    const what = `rows of ${referring.table} refer to it (${referring.name}): ${follow}`;
    return [[what, `keep it, and empty ${referring.table}.${referring.columns.join(",")} instead`]];
  }
  const outsider = catalog.outsiders.find(({ references }) => references === table.name);
  if (outsider !== undefined) {
    return [[`rows of ${outsider.table}, which Lethe does not know, refer to its table (${outsider.name})`, "keep it"]];
  }
  const own = edges.find((edge) => edge.table === table.name && edge.columns.includes(name));
  if (own !== undefined && (kind === "shuffle" || own.declared === "foreign-key")) {
    const what = kind === "shuffle" ? "it would lead to somebody else" : "a random key into a foreign key";
    return [[`${what} (${own.name})`, "use {set: null}"]];
  }
  const together = kind === "shuffle" ? table.exclusive.filter(({ columns }) => columns.includes(name)) : [];
  // Of one column the same values are there afterwards, and of equal rows the same rows.
  const collides = together.find(
    ({ columns }) => !columns.every((each) => each === name || isSameWithin(rule, name, each)),
  );
  if (collides !== undefined) {
    const others = collides.columns.filter((each) => each !== name).join(", ");
    const what = `${collides.name} lets rows refuse each other by it and ${others}, beside which it would come anew`;
    return [[what, `shuffle it within columns that are kept, ${others} among them, or use {set: null}`]];
  }
  if (rule.reorder !== undefined) return [];
  const column = table.columns.find((each) => each.name === name);
  if (column?.identity === "always") {
    return [
      ["the database numbers it (GENERATED ALWAYS), and no update may set it", "add `order: random` to the table"],
    ];
  }
  const unique = [table.primaryKey, ...table.unique.map(({ columns }) => columns)];
  return kind === "shuffle" && (together.length > 0 || unique.some((columns) => columns.includes(name)))
    ? [["values of a UNIQUE column would meet while they are exchanged", "add `order: random` to the table"]]
    : [];
};

/** A trigger sees what the row said and what it says now, and whoever reads what it wrote may join them. Rows that are put in again are not updated. */
const copyProblems = ({ tables }: Policy, { triggers }: CatalogTable, { reorder }: Anonymise): readonly Problem[] =>
  (reorder === undefined ? triggers.filter(({ events }) => events.includes("update")) : []).flatMap(
    ({ name, writesTo }) =>
      writesTo
        .filter((target) => tables[target] !== undefined && tables[target].treatment !== "erase")
        .map((target): Problem => [
          `trigger ${name} writes into ${target}, which may keep what it said beside what it says now`,
          `erase ${target}, drop the trigger, or add \`order: random\` to the table, for which no update fires`,
        ]),
  );

/** Only rows that say the same in the other column, and go on saying it, exchange what this one says. */
const isSameWithin = ({ columns }: Anonymise, name: string, other: string): boolean => {
  const shuffle = columns[name];
  const kind = columns[other]?.kind ?? "keep";
  return shuffle?.kind === "shuffle" && shuffle.within.includes(other) && (kind === "keep" || kind === "stays");
};

/** Rows that are taken out, if only for a moment. */
const orderProblems = (
  { subject, deletion }: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  { name, triggers }: CatalogTable,
): readonly Problem[] => {
  const referring = [
    ...edges.filter((edge) => edge.to.table === name && edge.declared === "foreign-key"),
    ...catalog.outsiders.filter(({ references }) => references === name),
  ];
  const fired = triggers.filter(({ events }) => events.includes("insert") || events.includes("delete"));
  const without = "leave out `order: random`";
  return [
    ...(name === subject.table ? [["the subject's own row is put in no order", without] satisfies Problem] : []),
    ...referring.map((edge): Problem => [
      `rows of ${edge.table} refer to its rows (${edge.name}), which are taken out`,
      without,
    ]),
    ...fired.map((trigger): Problem => [
      `trigger ${trigger.name} would fire for rows that are only put in again`,
      `${without}, or drop the trigger`,
    ]),
    ...(deletion.mark?.refuse.includes(name) === true
      ? [
          [
            "`refuse` lets no row in for a subject who is marked, nor one that is put in again",
            without,
          ] satisfies Problem,
        ]
      : []),
  ];
};
