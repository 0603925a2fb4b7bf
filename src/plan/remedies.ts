import type { Catalog } from "#catalog/catalog.ts";
import type { Blocker, Policy, Remedy, Transform } from "#policy/policy.ts";
import { transformProblem } from "#plan/contradictions.ts";
import type { Finding } from "#plan/finding.ts";
import type { Edge } from "#records/plan.ts";

/** What the remedies of a policy would run into: retained rows, the schema, each other. */
export const remedyFindings = (policy: Policy, catalog: Catalog, edges: readonly Edge[]): readonly Finding[] => [
  ...policy.blockers.flatMap((blocker, index) =>
    blocker.remedy === undefined
      ? []
      : oneFindings(policy, catalog, edges, { ...blocker, remedy: blocker.remedy }, index),
  ),
  ...circleFindings(policy),
];

const oneFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  { code, table: name, remedy }: Blocker & { readonly remedy: Remedy },
  index: number,
): readonly Finding[] => {
  const place = policy.placeOf(["blockers", index, "then"]);
  const rule = policy.tables[name];
  if (rule?.treatment === "retain") {
    return [
      {
        code: "POLICY_REMEDY_RETAINED",
        message: `the remedy of ${code} would change rows of ${name}, which are retained (${policy.classes[rule.class]?.basis ?? rule.class})`,
        place,
        hint: "let it block, and settle the rows in the system that keeps the books; or decide about the table's treatment",
      },
    ];
  }
  const table = catalog.tables.get(name);
  if (table === undefined) return [];
  if (remedy.kind === "remove") {
    return edges
      .filter((edge) => edge.to.table === name && edge.onDelete === "cascade")
      .map((edge) => ({
        code: "POLICY_CASCADE" as const,
        message: `the remedy of ${code} would make the database delete from ${edge.table} too (${edge.name}, ON DELETE CASCADE)`,
        place,
        hint: "set or unlink instead of removing, or declare a remedy for those rows",
      }));
  }
  return Object.entries(assigned(remedy)).flatMap(([column, transform]): readonly Finding[] => {
    const where = policy.placeOf(["blockers", index, "then", remedy.kind, column]);
    if (!table.columns.some((candidate) => candidate.name === column)) {
      const hint = "correct the name, or remove it if the column is gone";
      return [{ code: "POLICY_COLUMN_MISSING", message: `table ${name} has no column ${column}`, place: where, hint }];
    }
    const problem = transformProblem(table, column, transform);
    if (problem === undefined) return [];
    const [message, hint] = problem;
    return [
      {
        code: "POLICY_CONTRADICTION",
        message: `the remedy of ${code} sets ${name}.${column}: ${message}`,
        place: where,
        hint,
      },
    ];
  });
};

/** A remedy has to end what it remedies, and must not begin what another line stops at: then nothing depends on their order. */
const circleFindings = (policy: Policy): readonly Finding[] => {
  const { blockers } = policy;
  const reaches = (from: number, to: number, seen = new Set<number>()): boolean =>
    blockers.some((blocker, next) => {
      const current = blockers[from];
      if (current === undefined || seen.has(next) || !leadsTo(current, blocker, from === next)) return false;
      return next === to || reaches(next, to, new Set([...seen, next]));
    });
  return blockers.flatMap((blocker, index): readonly Finding[] => {
    if (blocker.remedy === undefined) return [];
    const place = policy.placeOf(["blockers", index, "then"]);
    if (leadsTo(blocker, blocker, true)) {
      return [
        {
          code: "POLICY_REMEDY_CYCLE",
          message: `the remedy of ${blocker.code} leaves its rows as they are found: it would be needed again for ever`,
          place,
          hint: "set a column of `when` to a value that its condition does not match",
        },
      ];
    }
    const next = blockers.findIndex((other, position) => position !== index && leadsTo(blocker, other, false));
    const after = blockers[next];
    if (after === undefined) return [];
    const circle = reaches(next, index);
    return [
      {
        code: circle ? "POLICY_REMEDY_CYCLE" : "POLICY_CONTRADICTION",
        message: circle
          ? `the remedies of ${blocker.code} and ${after.code} undo each other`
          : `the remedy of ${blocker.code} leaves rows at which ${after.code} stops`,
        place,
        hint: "set the value that nothing else stops at, in one remedy",
      },
    ];
  });
};

const assigned = (remedy: Remedy): Readonly<Record<string, Transform>> => {
  switch (remedy.kind) {
    case "set":
      return remedy.columns;
    case "unlink":
      return { [remedy.column]: { kind: "null" } };
    case "remove":
      return {};
  }
};

/** Whether rows that a remedy has changed are rows that a blocker, `same` or another, stops at. */
const leadsTo = (from: Blocker, to: Blocker, same: boolean): boolean => {
  const { remedy } = from;
  if (remedy === undefined || remedy.kind === "remove" || from.table !== to.table) return false;
  const columns = assigned(remedy);
  const touched = Object.keys(columns).filter((column) => column in to.when || isWay(to, column));
  if (touched.length === 0) return same;
  return touched.every((column) => mayHold(to.when[column], columns[column]));
};

const isWay = ({ whose, other }: Blocker, column: string): boolean => whose?.[0] === column || other?.[0] === column;

/** Without a condition the column is part of a way, which NULL ends. */
const mayHold = (condition: Blocker["when"][string] | undefined, transform: Transform | undefined): boolean => {
  const isNull = transform?.kind === "null";
  if (condition === undefined) return !isNull;
  if ("isNull" in condition) return condition.isNull === isNull;
  if (isNull) return "compare" in condition && condition.compare === "not";
  return transform?.kind !== "constant" || holds(condition, transform.value);
};

const holds = (
  condition: Exclude<Blocker["when"][string], { isNull: boolean }>,
  value: string | number | boolean,
): boolean => {
  if ("in" in condition) return condition.in.map(String).includes(String(value));
  const [a, b] = [Number(value), Number(condition.value)];
  switch (condition.compare) {
    case "gt":
      return a > b;
    case "gte":
      return a >= b;
    case "lt":
      return a < b;
    case "lte":
      return a <= b;
    case "not":
      return String(value) !== String(condition.value);
  }
};
