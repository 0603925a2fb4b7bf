import type { Blocker, Condition, Policy, Remedy, Transform } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";

/** A remedy has to end what it remedies, and must not begin what another line stops at: then nothing depends on their order. */
export const circleFindings = (policy: Policy): readonly Finding[] => {
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

/** What a remedy sets. */
export const assignedBy = (remedy: Remedy): Readonly<Record<string, Transform>> => {
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
  const columns = assignedBy(remedy);
  const touched = Object.keys(columns).filter((column) => Object.hasOwn(to.when, column) || isWay(to, column));
  if (touched.length === 0) return same;
  const left = Object.entries(to.when).filter(([column]) => !Object.hasOwn(columns, column));
  return (
    touched.every((column) => mayHold(to.when[column], columns[column])) &&
    left.every(([column, condition]) => mayBoth(from.when[column], condition))
  );
};

const isWay = ({ whose, other }: Blocker, column: string): boolean => whose?.[0] === column || other?.[0] === column;

/** Without a condition the column is part of a way, which NULL ends. */
const mayHold = (condition: Condition | undefined, transform: Transform | undefined): boolean => {
  const isNull = transform?.kind === "null";
  if (condition === undefined) return !isNull;
  if ("isNull" in condition) return condition.isNull === isNull;
  if (isNull) return "compare" in condition && condition.compare === "not";
  return transform?.kind !== "constant" || holds(condition, transform.value);
};

/** Whether one value may meet both: the column is left as it was when the first line found the row. */
const mayBoth = (first: Condition | undefined, second: Condition): boolean => {
  if (first === undefined) return true;
  if ("in" in first) return "isNull" in second ? !second.isNull : first.in.some((value) => holds(second, value));
  if ("in" in second) return mayBoth(second, first);
  return !("isNull" in first && "isNull" in second) || first.isNull === second.isNull;
};

const holds = (condition: Exclude<Condition, { isNull: boolean }>, value: string | number | boolean): boolean => {
  if ("in" in condition) return condition.in.map(String).includes(String(value));
  if (condition.compare === "not") return String(value) !== String(condition.value);
  const order = compare(value, condition.value);
  switch (condition.compare) {
    case "gt":
      return order > 0;
    case "gte":
      return order >= 0;
    case "lt":
      return order < 0;
    case "lte":
      return order <= 0;
  }
};

/** As numbers where both are, else as text: ISO dates come in their order. */
const compare = (a: string | number | boolean, b: string | number): number => {
  const [left, right] = [Number(a), Number(b)];
  if (!Number.isNaN(left) && !Number.isNaN(right)) return left - right;
  return String(a) === String(b) ? 0 : String(a) < String(b) ? -1 : 1;
};
