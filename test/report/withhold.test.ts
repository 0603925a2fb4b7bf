import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { withheldOf, type Cell } from "#report/withhold.ts";

const cell = (row: string, column: string, people: number, bare = false): Cell => ({ row, column, people, bare });

/** The rank of a matrix over the rationals, by elimination with fractions that stay whole numbers. */
const rankOf = (matrix: readonly (readonly number[])[]): number => {
  const rows = matrix.map((row) => row.map(BigInt));
  let rank = 0;
  for (let column = 0; column < (rows[0]?.length ?? 0); column += 1) {
    const pivot = rows.findIndex((row, index) => index >= rank && row[column] !== 0n);
    if (pivot < 0) continue;
    [rows[rank], rows[pivot]] = [rows[pivot] ?? [], rows[rank] ?? []];
    const top = rows[rank] ?? [];
    for (let index = rank + 1; index < rows.length; index += 1) {
      const factor = rows[index]?.[column] ?? 0n;
      rows[index] = (rows[index] ?? []).map((value, at) => value * (top[column] ?? 1n) - factor * (top[at] ?? 0n));
    }
    rank += 1;
  }
  return rank;
};

/** Which of the unknown cells somebody can work out who knows all others, and the totals of lines of two cells or more. */
const determined = (cells: readonly Cell[], unknown: readonly number[]): readonly number[] => {
  const lines = [
    ...Map.groupBy(cells.keys(), (place) => `r${cells[place]?.row}`).values(),
    ...Map.groupBy(cells.keys(), (place) => `c${cells[place]?.column}`).values(),
  ].filter((places) => places.length > 1);
  const equations = lines.map((places) => unknown.map((place) => (places.includes(place) ? 1 : 0)));
  const rank = rankOf(equations);
  return unknown.filter((_, index) => rankOf([...equations, unknown.map((__, at) => (at === index ? 1 : 0))]) === rank);
};

const table = fc
  .uniqueArray(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 })), { selector: String, maxLength: 18 })
  .chain((places) =>
    fc.tuple(
      ...places.map(([row, column]) =>
        fc
          .record({ people: fc.integer({ min: 1, max: 12 }), bare: fc.boolean() })
          .map(({ people, bare }) => cell(`r${row}`, `c${column}`, people, bare && people > 10)),
      ),
    ),
  );

describe("totals of which some are withheld", () => {
  test("one that is withheld in a row and in a column is protected by three others, of the fewest people", () => {
    const grid = ["a", "b", "c"].flatMap((row, r) =>
      ["x", "y", "z"].map((column, c) => cell(row, column, 10 + r * 3 + c)),
    );
    const cells = grid.map((each, place) => (place === 4 ? { ...each, people: 2 } : each));
    expect([...withheldOf(cells, 5)].toSorted((a, b) => a - b)).toEqual([0, 1, 3, 4]);
  });

  test("of a list the next smallest go, until nobody can subtract to fewer than k", () => {
    const cells = [40, 2, 55, 60, 1].map((people, month) => cell(`m${month}`, "", people));
    expect([...withheldOf(cells, 5)].toSorted((a, b) => a - b)).toEqual([0, 1, 4]);
    expect(withheldOf([cell("m1", "", 9), cell("m2", "", 7)], 5).size).toBe(0);
  });

  test("two pairs that one cell joins protect each other, and it is not the one that everybody can work out", () => {
    // Every row and every column has two withheld cells; the one that joins both squares would be known all the same.
    const square = (rows: string, columns: string) =>
      [...rows].flatMap((row) => [...columns].map((column) => cell(row, column, 2)));
    const cells = [
      ...square("ab", "xy"),
      ...square("cd", "zw"),
      cell("b", "z", 2),
      cell("a", "z", 30),
      cell("a", "w", 31),
    ];
    expect(determined(cells, [0, 1, 2, 3, 4, 5, 6, 7, 8])).toEqual([8]);
    expect(determined(cells, [...withheldOf(cells, 5)])).toEqual([]);
  });

  it("cannot be worked out from those that are published and the totals of their lines, by brute force", () => {
    fc.assert(
      fc.property(table, fc.integer({ min: 2, max: 6 }), (cells, least) => {
        const withheld = [...withheldOf(cells, least)];
        for (const [place, { people, bare }] of cells.entries())
          if (people < least || bare) expect(withheld).toContain(place);
        const known = determined(cells, withheld);
        // Nothing helps where all the table's cells withheld would not.
        const hopeless = determined(cells, [...cells.keys()]);
        expect(known.filter((place) => !hopeless.includes(place))).toEqual([]);
        if (withheld.length > 0 && cells.length > 1) expect(withheld.length).toBeGreaterThan(1);
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    { periods: 60, kinds: 500 },
    { periods: 12, kinds: 5_000 },
  ])("are found among tens of thousands at once: $kinds in $periods periods", ({ periods, kinds }) => {
    const cells = Array.from({ length: periods }, (_, period) =>
      Array.from({ length: kinds }, (__, kind) =>
        cell(`p${period}`, `k${kind}`, 1 + ((period * 7919 + kind * 104_729) % 97)),
      ),
    ).flat();
    const began = performance.now();
    const withheld = withheldOf(cells, 5);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(withheld.size).toBeLessThan(cells.length / 5);
  });

  test("one person who is alone in five cells is not five people", () => {
    const alone = [..."abcde"].map((column) => cell("m1", column, 1));
    expect(withheldOf([...alone, cell("m1", "f", 19), cell("m1", "g", 20)], 5)).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  });

  test("are all of them where there are more than half a million, as soon as there is one", () => {
    const cells = Array.from({ length: 500_001 }, (_, place) => cell("m1", `c${place}`, 10));
    expect(withheldOf(cells, 5).size).toBe(0);
    expect(withheldOf(cells.with(7, cell("m1", "c7", 4)), 5).size).toBe(500_001);
  });

  it("are of at least k people in one cell of each line, or all of it", () => {
    fc.assert(
      fc.property(table, fc.integer({ min: 2, max: 6 }), (cells, least) => {
        const withheld = withheldOf(cells, least);
        const lines = [
          ...Map.groupBy(cells.keys(), (place) => `r${cells[place]?.row}`).values(),
          ...Map.groupBy(cells.keys(), (place) => `c${cells[place]?.column}`).values(),
        ].filter((places) => places.length > 1);
        for (const line of lines) {
          const hidden = line.filter((place) => withheld.has(place));
          if (hidden.length === 0 || hidden.length === line.length) continue;
          expect(Math.max(...hidden.map((place) => cells[place]?.people ?? 0))).toBeGreaterThanOrEqual(least);
        }
      }),
      { numRuns: 400 },
    );
  });
});
