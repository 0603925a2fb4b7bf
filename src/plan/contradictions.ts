import type { Catalog, CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { decimalsOf, kindOf } from "#catalog/types.ts";
import { decimalsIn } from "#lib/decimals.ts";
import type { Policy, Transform } from "#policy/policy.ts";
import type { Edge } from "#records/plan.ts";
import { isEmptiedInVain } from "#plan/emptying.ts";
import { aggregateFindings } from "#plan/aggregate.ts";
import { drawnFindings } from "#plan/drawn.ts";
import type { Finding } from "#plan/finding.ts";
import { referredFindings } from "#plan/referred.ts";
import { nulls, owns, type Reach } from "#plan/reach.ts";

/** What the policy asks for and the schema forbids, found before anything runs. */
export const contradictions = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
): readonly Finding[] => [
  ...[...found.levels.keys()].flatMap((name) => {
    const rule = policy.tables[name];
    const table = catalog.tables.get(name);
    if (table === undefined || rule === undefined || rule.treatment === "keep" || rule.treatment === "erase") return [];
    return Object.entries(rule.columns).flatMap(([column, transform]) => {
      const problem = transformProblem(table, column, transform);
      if (problem === undefined) return [];
      const [message, hint] = problem;
      const place = policy.placeOf(["tables", name, "columns", column]);
      return [{ code: "POLICY_CONTRADICTION" as const, message: `${name}.${column}: ${message}`, place, hint }];
    });
  }),
  ...drawnFindings(policy, catalog, edges, found),
  ...aggregateFindings(policy, catalog, edges, found),
  ...edges.flatMap((edge) => referenceProblem(policy, catalog, edge, found)),
  ...referredFindings(policy, catalog, edges, found),
];

/** Too few values for keys that nobody could guess, or none that are random. */
const rekeyProblem = ({ type }: CatalogColumn): [string, string] | undefined => {
  if (!/^(uuid|integer|bigint|text|citext|character varying(\(\d+\))?)$/.test(type)) {
    return [
      `{rekey} needs a uuid, text, integer or bigint column, this is ${type}`,
      "use {set: null} or {shuffle: []}",
    ];
  }
  return maximumLength(type) < randomDigits
    ? [`{rekey} needs ${randomDigits} characters, too long for ${type}`, "use {set: null} or {shuffle: []}"]
    : undefined;
};

const maximumLength = (type: string): number =>
  Number(/^character(?: varying)?\((\d+)\)$/.exec(type)?.[1] ?? Number.MAX_SAFE_INTEGER);

/** Searched as text, but with no room for the mark that redacting leaves. */
const noText =
  /^(?:uuid|inet|cidr|tsvector|ltree|hstore|(?:smallint|integer|bigint|numeric.*|real|double precision|boolean|date|time.*|interval.*|uuid|inet|cidr|bytea)\[\])$/;

/** `{random}` becomes 20 hexadecimal digits. */
export const randomDigits = 20;

export const transformProblem = (
  table: CatalogTable,
  name: string,
  transform: Transform,
): [string, string] | undefined => {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column === undefined || transform.kind === "keep" || transform.kind === "stays") return undefined;
  if (column.generated) return ["the column is generated", "treat the columns it is computed from; keep this one"];
  // What may become of a key depends on the rest of the rule and on who refers to it, see drawn.ts.
  const drawn = transform.kind === "rekey" || transform.kind === "shuffle";
  if (!drawn && (column.identity === "always" || table.primaryKey.includes(name))) {
    return ["the column identifies the row", "keep it, or erase the table's rows"];
  }
  const alone = table.unique.some((unique) => unique.columns.length === 1 && unique.columns[0] === name);
  const refers = table.foreignKeys.some((key) => key.columns.includes(name));
  switch (transform.kind) {
    case "null":
      return column.nullable
        ? undefined
        : ["null into a NOT NULL column", "use a constant, {unique: 'erased-{random}'} or erase the row"];
    case "constant":
      if (alone) return ["one constant into a UNIQUE column", "use {unique: 'erased-{random}'} or {set: null}"];
      if (refers) return ["a constant into a foreign key", "use {set: null} or keep"];
      return typeof transform.value === "string" && transform.value.length > maximumLength(column.type)
        ? [`the constant is longer than ${column.type}`, "shorten it"]
        : undefined;
    case "unique": {
      const length = transform.template.length - "{random}".length + randomDigits;
      if (column.shape !== "text") return [`{unique} needs a text column, this is ${column.type}`, "use {set: null}"];
      return length > maximumLength(column.type)
        ? [`{unique} makes ${length} characters, too long for ${column.type}`, "shorten the template"]
        : undefined;
    }
    case "redact":
      return column.shape === "other" || noText.test(column.type)
        ? [`{redact} needs text, JSON or an array of them, this is ${column.type}`, "use {set: null} or keep"]
        : undefined;
    case "now":
      return /^(date|timestamp)/.test(column.type)
        ? undefined
        : [`{now} needs a date or timestamp, this is ${column.type}`, "use {set: …} or keep"];
    case "truncate":
      return /^(date|timestamp)/.test(column.type)
        ? undefined
        : [`{truncate} needs a date or timestamp, this is ${column.type}`, "use {set: null} or {generalise: …}"];
    case "rekey":
      return rekeyProblem(column);
    case "shuffle":
      return undefined;
    case "generalise":
      return replacedProblem(column, alone, transform);
    case "rare":
      return replacedProblem(column, alone, { ...transform, map: {} });
    case "band":
    case "code":
    case "mean":
      if (alone) return [`{${transform.kind}} into a UNIQUE column`, "use {set: null}"];
      if (decimalsNamed(transform) > Math.max(0, decimalsOf(column.type) ?? Infinity)) {
        return [
          `{${transform.kind}} has more decimals than ${column.type}`,
          "it would be rounded, and no edge of a band or end be where the policy says: name numbers that fit",
        ];
      }
      return kindOf(column.type) === "number"
        ? undefined
        : [
            `{${transform.kind}} needs a column of numbers, this is ${column.type}`,
            "use {set: null} or {generalise: …}",
          ];
  }
};

/** The most decimals of the numbers that a transform names. */
const decimalsNamed = (transform: Extract<Transform, { kind: "band" | "code" | "mean" }>): number => {
  const named =
    transform.kind === "band"
      ? [transform.width, transform.from]
      : transform.kind === "code"
        ? [transform.bottom ?? 0, transform.top ?? 0]
        : [];
  return Math.max(0, ...named.map(decimalsIn));
};

const replacedProblem = (
  column: CatalogColumn,
  alone: boolean,
  transform: Pick<Extract<Transform, { kind: "generalise" }>, "map" | "otherwise"> & Pick<Transform, "kind">,
): [string, string] | undefined => {
  const named = `{${transform.kind}}`;
  if (alone) return [`${named} into a UNIQUE column`, "use {unique: …} or {set: null}"];
  const longest = Math.max(
    0,
    ...[...Object.values(transform.map), transform.otherwise ?? ""].map(({ length }) => length),
  );
  if (longest > maximumLength(column.type)) return [`${named} makes more than fits ${column.type}`, "shorten it"];
  if (transform.otherwise === null && !column.nullable)
    return ["other values become null in a NOT NULL column", "give `otherwise:` a value"];
  return column.shape === "other"
    ? [`${named} needs a text column, this is ${column.type}`, "use {truncate: …} or {set: null}"]
    : undefined;
};

/** A row that stays must not be left referring to a row that goes, nor go with it silently (I6). */
const referenceProblem = (policy: Policy, catalog: Catalog, edge: Edge, found: Reach): Finding[] => {
  const target = policy.tables[edge.to.table];
  if (edge.declared === "link") return [];
  if (edge.table === edge.to.table) return hierarchyProblem(policy, edge);
  if (target?.treatment !== "erase" || !found.levels.has(edge.to.table)) return [];
  const isRoot = edge.to.table === policy.subject.table;
  const rule = policy.tables[edge.table];
  const belongs = rule !== undefined && found.levels.has(edge.table);
  // Rows of tables that nobody owns are others' rows: they spare what they use.
  if (!belongs && !isRoot) return [];
  const owned = belongs && owns(policy, edge);
  if (owned && rule.treatment === "erase") return [];
  if (belongs && !owned && !isRoot && rule.treatment === "erase") return [];
  if (belongs && nulls(rule, edge)) return [];
  // A mere mention of the subject is cut before the root row goes.
  if (isRoot && !owned && edge.nullable) return [];

  const place = policy.placeOf(["tables", belongs ? edge.table : edge.to.table]);
  const name = `${edge.table}.${(edge.emptied.length > 0 ? edge.emptied : edge.columns).join(",")}`;
  if (edge.onDelete === "cascade") {
    return [
      {
        code: "POLICY_CASCADE",
        message: `erasing ${edge.to.table} would make the database delete from ${edge.table} too (${edge.name}, ON DELETE CASCADE), where the policy says ${rule?.treatment ?? "nothing"}`,
        place,
        hint: `anonymise ${edge.to.table} instead, or set ${name} to null in the rule of ${edge.table}`,
      },
    ];
  }
  if (edge.onDelete === "set null" && !isEmptiedInVain(catalog, edge)) return [];
  return [
    {
      code: "POLICY_CONTRADICTION",
      message: `rows of ${edge.table} stay and refer to rows of ${edge.to.table} that would be erased (${edge.name})`,
      place,
      hint: edge.nullable
        ? `set ${name} to null in the rule of ${edge.table}, or anonymise ${edge.to.table}`
        : `${name} is NOT NULL: anonymise ${edge.to.table} instead of erasing it`,
    },
  ];
};

/** The rows of other people that refer to an erased row of their own table are cut loose, or spare it; where neither can be, the database must not take them along. */
const hierarchyProblem = (policy: Policy, edge: Edge): Finding[] => {
  const { table } = policy.subject;
  if (edge.table !== table || policy.tables[table]?.treatment !== "erase") return [];
  if (edge.nullable || edge.onDelete !== "cascade") return [];
  return [
    {
      code: "POLICY_CASCADE",
      message: `erasing a row of ${table} would make the database delete other people's rows that refer to it (${edge.name}, ON DELETE CASCADE)`,
      place: policy.placeOf(["tables", table]),
      hint: `make ${table}.${edge.columns.join(",")} nullable, or anonymise ${table} instead`,
    },
  ];
};
