import { topOf, type Hierarchy } from "#anonymity/search/hierarchy.ts";
import type { Wanted } from "#anonymity/search/search.ts";
import type { Sensitive } from "#records/anonymity.ts";
import { measuresOf, type Rows } from "#test/anonymity/reference.ts";

type Value = string | number | null;

/** What becomes of a value, from the words of the hierarchy: nothing here is shared with the SQL. */
export const generalised = ({ steps }: Hierarchy, value: Value, level: number): Value => {
  if (level === topOf({ steps })) return "*";
  if (level === 0 || value === null) return value;
  switch (steps.kind) {
    case "text":
      return steps.groups.get(String(value))?.[level - 1] ?? null;
    case "bands": {
      const width = Number(steps.widths[level - 1]);
      return Math.floor((Number(value) - Number(steps.from)) / width) * width + Number(steps.from);
    }
    case "time": {
      const [year = 0, month = 0] = String(value).split("-").map(Number);
      switch (steps.units[level - 1]) {
        case "month":
          return `${year}-${month}`;
        case "quarter":
          return `${year}q${Math.ceil(month / 3)}`;
        case "year":
          return year;
        default:
          throw new Error("not a unit of these tests");
      }
    }
  }
};

const daysBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 86_400_000;

const lengthInDays = (unit: string | undefined, value: string): number => {
  const [year = 0, month = 1] = value.split("-").map(Number);
  const first = unit === "year" ? 1 : unit === "quarter" ? month - ((month - 1) % 3) : month;
  const after = first + (unit === "year" ? 12 : unit === "quarter" ? 3 : 1);
  const day = (of: number): string =>
    `${year + Math.floor((of - 1) / 12)}-${String(((of - 1) % 12) + 1).padStart(2, "0")}-01`;
  return daysBetween(day(first), day(after));
};

/** The loss of one value in millionths, from its definition. */
export const lossOf = (hierarchy: Hierarchy, column: readonly Value[], value: Value, level: number): number => {
  const { steps } = hierarchy;
  if (level === topOf(hierarchy)) return 1e6;
  if (level === 0 || value === null) return 0;
  const known = column.filter((each) => each !== null);
  const part = (width: number, range: number): number =>
    range === 0 ? 1e6 : Math.min(1e6, Math.round((1e6 * width) / range));
  switch (steps.kind) {
    case "text": {
      const group = steps.groups.get(String(value))?.[level - 1];
      const leaves = [...steps.groups.values()].filter((groups) => groups[level - 1] === group).length;
      return Math.round((1e6 * (leaves - 1)) / Math.max(steps.groups.size - 1, 1));
    }
    case "bands": {
      const numbers = known.map(Number);
      return part(Number(steps.widths[level - 1]), Math.max(...numbers) - Math.min(...numbers));
    }
    case "time": {
      const days = known.map(String).toSorted();
      return part(lengthInDays(steps.units[level - 1], String(value)), daysBetween(days[0] ?? "", days.at(-1) ?? ""));
    }
  }
};

export type Candidate = { readonly levels: readonly number[]; readonly loss: number; readonly held: number };

const product = (most: readonly number[]): number[][] =>
  most.reduce<number[][]>(
    (all, top) => all.flatMap((levels) => Array.from({ length: top + 1 }, (_, level) => [...levels, level])),
    [[]],
  );

/** Every combination of levels: how many rows are below the thresholds, and what is lost if those are held back; in millionths, summed. */
export const candidates = (
  rows: Rows,
  hierarchies: readonly Hierarchy[],
  sensitive: readonly Sensitive[],
  { k, l, t }: Wanted,
): readonly Candidate[] =>
  product(hierarchies.map(({ most }) => most)).map((levels) => {
    const table = rows.map((row) => ({
      ...row,
      ...Object.fromEntries(
        hierarchies.map((each, index) => [
          each.column,
          generalised(each, row[each.column] ?? null, levels[index] ?? 0),
        ]),
      ),
    }));
    const classOf = (index: number): string => JSON.stringify(hierarchies.map(({ column }) => table[index]?.[column]));
    const members = Map.groupBy(rows.keys(), classOf);
    const isHeld = (index: number): boolean => {
      const in_ = new Set(members.get(classOf(index)));
      // Of this class, and of everything else as another: the measures of the first are what the class has.
      const { l: distinct, t: distance } = measuresIn(table, in_, sensitive);
      return (
        in_.size < k ||
        (l !== undefined && distinct.some((each) => each < l)) ||
        (t !== undefined && distance.some((each) => each > t + 1e-9))
      );
    };
    const held = [...rows.keys()].filter(isHeld);
    const loss = rows.reduce((sum, row, index) => {
      if (held.includes(index)) return sum + 1e6 * hierarchies.length;
      return hierarchies.reduce((total, each, column) => {
        const values = rows.map((other) => other[each.column] ?? null);
        return total + lossOf(each, values, row[each.column] ?? null, levels[column] ?? 0);
      }, sum);
    }, 0);
    return { levels, loss, held: held.length };
  });

const measuresIn = (table: Rows, in_: ReadonlySet<number>, sensitive: readonly Sensitive[]) => {
  const some = table.filter((_, index) => in_.has(index));
  const one = measuresOf(some, { quasi: [], sensitive, least: 0 }).sensitive;
  const both = sensitive.map(({ column, ordered }) => distanceOf(some, table, column, ordered));
  return { l: one.map((each) => each.l), t: both };
};

/** Of the values of some rows from those of all: total variation, or the earth mover's. */
export const distanceOf = (some: Rows, all: Rows, column: string, ordered: boolean): number => {
  const key = (row: Rows[number]): Value => row[column] ?? null;
  const values = [...new Set(all.map(key))].toSorted((a, b) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return a < b ? -1 : Number(a > b);
  });
  const share = (rows: Rows, value: Value): number => rows.filter((row) => key(row) === value).length / rows.length;
  const gaps = values.map((value) => share(some, value) - share(all, value));
  if (!ordered) return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / 2;
  let flow = 0;
  const work = gaps.reduce((sum, gap) => sum + Math.abs((flow += gap)), 0);
  return work / Math.max(values.length - 1, 1);
};

/** Less loss, then lower, then lower in the first columns. */
export const leastOf = (some: readonly Candidate[]): Candidate | undefined => {
  const height = ({ levels }: Candidate): number => levels.reduce((sum, level) => sum + level, 0);
  return some.toSorted((a, b) => a.loss - b.loss || height(a) - height(b) || lexical(a.levels, b.levels))[0];
};

const lexical = (a: readonly number[], b: readonly number[]): number => {
  const at = a.findIndex((level, index) => level !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
};
