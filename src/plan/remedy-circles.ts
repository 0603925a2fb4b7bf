import type { Catalog, CatalogColumn } from "#catalog/catalog.ts";
import type { Blocker, Condition, Policy, Remedy, Transform } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf } from "#plan/missing.ts";

/** A remedy has to end what it remedies, and must not begin what another line stops at: then nothing depends on their order. */
export const circleFindings = (policy: Policy, catalog: Catalog): readonly Finding[] => {
  const { blockers } = policy;
  const leadsTo = (from: Blocker, to: Blocker, same: boolean): boolean => leads(catalog, from, to, same);
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
const leads = (catalog: Catalog, from: Blocker, to: Blocker, same: boolean): boolean => {
  const { remedy } = from;
  if (remedy === undefined || remedy.kind === "remove" || from.table !== to.table) return false;
  const columns = assignedBy(remedy);
  const touched = Object.keys(columns).filter((column) => Object.hasOwn(to.when, column) || isWay(to, column));
  if (touched.length === 0) return same;
  const column = (name: string): CatalogColumn | undefined => columnOf(catalog.tables.get(to.table), name);
  const left = Object.entries(to.when).filter(([name]) => !Object.hasOwn(columns, name));
  return (
    touched.every((name) => mayHold(column(name), to.when[name], columns[name])) &&
    left.every(([name, condition]) => mayBoth(column(name), from.when[name], condition))
  );
};

const isWay = ({ whose, other }: Blocker, column: string): boolean => whose?.[0] === column || other?.[0] === column;

/** Without a condition the column is part of a way, which NULL ends. */
const mayHold = (
  column: CatalogColumn | undefined,
  condition: Condition | undefined,
  transform: Transform | undefined,
): boolean => {
  const isNull = transform?.kind === "null";
  if (condition === undefined) return !isNull;
  if ("isNull" in condition) return condition.isNull === isNull;
  if (isNull) return "compare" in condition && condition.compare === "not";
  return transform?.kind !== "constant" || holds(column, condition, transform.value);
};

/** Whether one value may meet both: the column is left as it was when the first line found the row. */
const mayBoth = (column: CatalogColumn | undefined, first: Condition | undefined, second: Condition): boolean => {
  if (first === undefined) return true;
  if ("in" in first)
    return "isNull" in second ? !second.isNull : first.in.some((value) => holds(column, second, value));
  if ("in" in second) return mayBoth(column, second, first);
  return !("isNull" in first && "isNull" in second) || first.isNull === second.isNull;
};

type Value = string | number | boolean;

const holds = (
  column: CatalogColumn | undefined,
  condition: Exclude<Condition, { isNull: boolean }>,
  value: Value,
): boolean => {
  const own = meaning(column, value);
  if ("in" in condition) return condition.in.some((each) => meaning(column, each) === own);
  const other = meaning(column, condition.value);
  switch (condition.compare) {
    case "not":
      return own !== other;
    case "gt":
      return own > other;
    case "gte":
      return own >= other;
    case "lt":
      return own < other;
    case "lte":
      return own <= other;
  }
};

/** What a value is to the column, however it is written: 0, '0.00' and 0e0 are one number and three texts. ISO dates come in their order. */
const meaning = (column: CatalogColumn | undefined, value: Value): string | number | bigint => {
  const text = String(value);
  if (column?.shape === "text") return column.type === "citext" ? text.toLowerCase() : text;
  if (column?.type === "boolean") return String(/^(t|true|y|yes|on|1)$/i.test(text));
  const whole = /^\s*([+-]?\d+)(?:\.0*)?\s*$/.exec(text)?.[1];
  if (whole !== undefined) return BigInt(whole);
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(number)) return text;
  return Number.isSafeInteger(number) ? BigInt(number) : number;
};
