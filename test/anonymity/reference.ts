import { expect } from "vitest";
import type { Wanted } from "#anonymity/measures.ts";
import type { Measures } from "#records/anonymity.ts";

export type Rows = readonly Readonly<Record<string, string | number | null>>[];

/** The measures from their definitions, class by class and value by value. */
export const measuresOf = (rows: Rows, { quasi, sensitive, least }: Wanted): Omit<Measures, "sizes"> => {
  const classes = [...Map.groupBy(rows, (row) => JSON.stringify(quasi.map((name) => row[name]))).values()];
  const sizes = classes.map(({ length }) => length);
  const sum = (some: readonly number[]): number => some.reduce((total, each) => total + each, 0);
  return {
    rows: rows.length,
    classes: classes.length,
    k: classes.length === 0 ? 0 : Math.min(...sizes),
    unique: sizes.filter((size) => size === 1).length,
    below: sum(sizes.filter((size) => size < least)),
    sensitive: sensitive.map(({ column, ordered }) => {
      const valuesIn = (some: Rows): Values => some.map((row) => row[column] ?? null);
      const all = valuesIn(rows);
      const each = classes.map(valuesIn);
      const entropies = each.map((of) => -sum(sharesOf(of, [...new Set(of)]).map((share) => share * Math.log(share))));
      const none = classes.length === 0;
      return {
        column,
        ordered,
        values: new Set(all).size,
        l: none ? 0 : Math.min(...each.map((of) => new Set(of).size)),
        entropyL: none ? 0 : Math.exp(Math.min(...entropies)),
        t: none ? 0 : Math.max(...each.map((of) => distance(of, all, { ordered }))),
      };
    }),
  };
};

type Values = readonly (string | number | null)[];

/** How far the values of a class are from those of the whole table: t-closeness takes the farthest class. */
export const distance = (some: Values, all: Values, { ordered }: { readonly ordered: boolean }): number => {
  const values = [...new Set(all)].toSorted(nullsLast);
  return (ordered ? earthMovers : totalVariation)(sharesOf(some, values), sharesOf(all, values));
};

const sharesOf = (some: Values, values: Values): readonly number[] =>
  values.map((value) => some.filter((each) => each === value).length / some.length);

const nullsLast = (a: string | number | null, b: string | number | null): number => {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : Number(a > b);
};

const totalVariation = (some: readonly number[], all: readonly number[]): number =>
  some.reduce((sum, share, place) => sum + Math.abs(share - (all[place] ?? 0)), 0) / 2;

/** Li et al., ICDE 2007, section 5: the flow over each gap between neighbours, as a part of the longest way. */
const earthMovers = (some: readonly number[], all: readonly number[]): number => {
  let flow = 0;
  let work = 0;
  for (const [place, share] of some.entries()) {
    flow += share - (all[place] ?? 0);
    work += Math.abs(flow);
  }
  return work / Math.max(some.length - 1, 1);
};

/** That what was measured is what the definitions say, and that the bands of sizes hold every class and row once. */
export const expectMeasures = ({ sizes, ...found }: Measures, wanted: Omit<Measures, "sizes">): void => {
  expect({ ...found, sensitive: [] }).toEqual({ ...wanted, sensitive: [] });
  for (const [index, each] of wanted.sensitive.entries()) {
    const { entropyL = -1, t = -1, ...exact } = found.sensitive[index] ?? {};
    expect(exact).toEqual({ column: each.column, ordered: each.ordered, values: each.values, l: each.l });
    expect(entropyL).toBeCloseTo(each.entropyL, 10);
    expect(t).toBeCloseTo(each.t, 10);
  }
  expect(sizes.reduce((sum, { rows }) => sum + rows, 0)).toBe(found.rows);
  expect(sizes.reduce((sum, { classes }) => sum + classes, 0)).toBe(found.classes);
};
