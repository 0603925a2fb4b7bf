import { topOf, type Hierarchy } from "#anonymity/search/hierarchy.ts";
import type { Thresholds } from "#anonymity/search/judge.ts";
import type { Told } from "#anonymity/search/due/becomes.ts";
import type { DueQuestion } from "#anonymity/search/due/tables.ts";
import { distanceOf, lossOf } from "#test/anonymity/search/brute-force.ts";

type Value = string | number | null;
export type Row = Readonly<Record<string, Value>> & { readonly id: number };
/** Whose a row is of those who are due, the smallest number first; none: it stays. */
export type People = ReadonlyMap<number, readonly number[]>;

/** What a rule writes, from the words of the policy. */
export const written = (rule: Told, value: Value): Value => {
  switch (rule.kind) {
    case "keep":
    case "stays":
      return value;
    case "null":
      return null;
    case "constant":
      return String(rule.value);
    case "generalise":
      return value === null ? null : (rule.map[String(value)] ?? rule.otherwise);
    case "band":
      return value === null ? null : Math.floor((Number(value) - rule.from) / rule.width) * rule.width + rule.from;
    case "code":
      return value === null ? null : Math.min(Math.max(Number(value), rule.bottom ?? -99), rule.top ?? 99);
    case "truncate": {
      if (value === null) return null;
      const [year = "", month = ""] = String(value).split("-");
      const quarter = String(Number(month) - ((Number(month) - 1) % 3)).padStart(2, "0");
      return `${year}-${rule.to === "year" ? "01" : rule.to === "quarter" ? quarter : month}-01`;
    }
  }
};

type Rules = readonly Told[];

type Class = { readonly rows: readonly Row[]; readonly l: readonly number[]; readonly t: readonly number[] };

/** Of signs there are none but columns that the rule empties. */
const bears = (row: Row, signs: DueQuestion["signs"]): boolean => signs.every(({ name }) => row[name] === null);

/** Whether the row goes: with the first of its owners. */
const goes = ({ id }: Row, people: People, waiting: ReadonlySet<number>): boolean => {
  const [first] = people.get(id) ?? [];
  return first !== undefined && !waiting.has(first);
};

/** The table with the rows of who is due, and does not wait, as the rules write them. */
const tableBy = (
  rows: readonly Row[],
  { columns, sensitive, nameless, signs }: DueQuestion,
  people: People,
  rules: Rules | undefined,
  waiting: ReadonlySet<number> = new Set(),
): readonly Row[] => {
  const changes = (row: Row): boolean => rules !== undefined && goes(row, people, waiting);
  const some = nameless ? rows.filter((row) => changes(row) || bears(row, signs)) : rows;
  return some.map((row) => {
    if (!changes(row)) return row;
    const quasi = columns.map(({ hierarchy: { column } }, index) => [
      column,
      written(rules?.[index] ?? { kind: "keep" }, row[column] ?? null),
    ]);
    const others = sensitive.map(({ column, after }) => [column, written(after, row[column] ?? null)]);
    return { ...row, ...Object.fromEntries([...quasi, ...others]) } as Row;
  });
};

/** Everybody of whom a class tells that they are in it: those who go, by their numbers; others by what their rows say of it, or as many as rows that say nothing. */
const crowdOf = (
  some: readonly Row[],
  { nameless, signs, whose }: DueQuestion,
  people: People,
  waiting: ReadonlySet<number>,
): number => {
  const crowd = new Set<string>();
  for (const row of some) {
    const says = whose.map((name) => row[name] ?? null);
    const silent = nameless || (signs.length > 0 && bears(row, signs)) || says.every((each) => each === null);
    if (goes(row, people, waiting)) {
      for (const p of people.get(row.id) ?? []) if (!waiting.has(p)) crowd.add(`goes ${p}`);
    } else crowd.add(silent ? `row ${row.id}` : `says ${JSON.stringify(says)}`);
  }
  return crowd.size;
};

const keyOf = (row: Row, { columns }: DueQuestion): string =>
  JSON.stringify(columns.map(({ hierarchy: { column } }) => row[column] ?? null));

const classOf = (table: readonly Row[], key: string, question: DueQuestion): Class => {
  const some = table.filter((row) => keyOf(row, question) === key);
  return {
    rows: some,
    l: question.sensitive.map(({ column }) => new Set(some.map((row) => row[column])).size),
    t: question.sensitive.map(({ column, ordered }) => distanceOf(some, table, column, ordered)),
  };
};

const failing = ({ l, t }: Class, company: number, { k, l: least, t: most }: Thresholds) => ({
  k: company < k,
  l: least !== undefined && l.some((each) => each < least),
  t: most !== undefined && t.some((each) => each > most + 1e-9),
});

export type Seen = {
  readonly held: { readonly people: number; readonly k: number; readonly l: number; readonly t: number };
  readonly missing: { readonly least: number; readonly most: number } | null;
  readonly weakened: number;
  readonly waits: number;
  readonly classes: number;
  readonly k: number;
};

type Fails = ReturnType<typeof failing> & { readonly p: number; readonly company: number; readonly key: string };

/** Of each person and class that holds rows of theirs. */
const judged = (
  rows: readonly Row[],
  question: DueQuestion,
  people: People,
  thresholds: Thresholds,
  rules: Rules,
  waiting: ReadonlySet<number>,
): readonly Fails[] => {
  const table = tableBy(rows, question, people, rules, waiting);
  const asTheirs = new Map(tableBy(rows, question, people, rules).map((row) => [row.id, keyOf(row, question)]));
  const persons = new Set([...people.values()].flat());
  return [...persons].flatMap((p) => {
    if (waiting.has(p)) return [];
    // Rows that are shared with who waits are spared.
    const own = rows.filter((row) => people.get(row.id)?.includes(p) && goes(row, people, waiting));
    return [...Map.groupBy(own, ({ id }) => asTheirs.get(id) ?? "")].map(([key, mine]): Fails => {
      const found = classOf(table, key, question);
      const company = Math.min(found.rows.length - mine.length + 1, crowdOf(found.rows, question, people, waiting));
      return { p, key, company, ...failing(found, company, thresholds) };
    });
  });
};

/** What the rules would do to the rows that are due, and to what was published, by the definitions alone. */
export const seenAt = (
  rows: readonly Row[],
  question: DueQuestion,
  people: People,
  thresholds: Thresholds,
  rules: Rules,
): Seen => {
  const first = judged(rows, question, people, thresholds, rules, new Set());
  const count = (some: readonly Fails[]): number => new Set(some.map(({ p }) => p)).size;
  const any = ({ k, l, t }: Fails): boolean => k || l || t;
  const far = Map.groupBy(
    first.filter(({ k }) => k),
    ({ p }) => p,
  );
  const missing = [...far.values()].map((some) => Math.max(...some.map(({ company }) => thresholds.k - company)));
  const waiting = new Set<number>();
  for (;;) {
    const more = judged(rows, question, people, thresholds, rules, waiting).filter(any);
    if (more.length === 0) break;
    for (const { p } of more) waiting.add(p);
  }
  const [was, is] = [tableBy(rows, question, people, undefined), tableBy(rows, question, people, rules)];
  const published = new Set(
    was.filter((row) => !people.has(row.id) && bears(row, question.treated)).map((row) => keyOf(row, question)),
  );
  const weakened = [...published].filter((key) => {
    const [before, after] = [was, is].map((table) => {
      const found = classOf(table, key, question);
      return failing(found, found.rows.length, thresholds);
    });
    return (["k", "l", "t"] as const).some((name) => after?.[name] === true && before?.[name] === false);
  });
  return {
    held: {
      people: count(first.filter(any)),
      k: count(first.filter(({ k }) => k)),
      l: count(first.filter(({ l }) => l)),
      t: count(first.filter(({ t }) => t)),
    },
    missing: missing.length === 0 ? null : { least: Math.min(...missing), most: Math.max(...missing) },
    weakened: weakened.length,
    waits: waiting.size,
    classes: new Set(first.map(({ key }) => key)).size,
    k: Math.min(...first.map(({ company }) => company)),
  };
};

export type Combination = Seen & {
  readonly levels: readonly number[];
  readonly places: readonly number[];
  /** In millionths, summed over the rows that are due and the columns. */
  readonly loss: number;
};

const product = (of: readonly number[]): number[][] =>
  of.reduce<number[][]>(
    (all, size) => all.flatMap((places) => Array.from({ length: size }, (_, place) => [...places, place])),
    [[]],
  );

export const lossAt = (rows: readonly Row[], people: People, hierarchy: Hierarchy, level: number): number => {
  const column = rows.map((row) => row[hierarchy.column] ?? null);
  const due = rows.filter((row) => people.has(row.id));
  if (level === topOf(hierarchy)) return 1e6 * due.length;
  return due.reduce((sum, row) => sum + lossOf(hierarchy, column, row[hierarchy.column] ?? null, level), 0);
};

/** Every combination of levels that a policy can write. */
export const combinations = (
  rows: readonly Row[],
  question: DueQuestion,
  people: People,
  thresholds: Thresholds,
): readonly Combination[] =>
  product(question.columns.map(({ choices }) => choices.length)).map((places) => {
    const chosen = question.columns.map(
      ({ choices }, index) => choices[places[index] ?? 0] ?? { level: 0, transform: { kind: "keep" as const } },
    );
    const rules = chosen.map(({ transform }) => transform);
    const levels = chosen.map(({ level }) => level);
    const loss = question.columns.reduce(
      (sum, { hierarchy }, index) => sum + lossAt(rows, people, hierarchy, levels[index] ?? 0),
      0,
    );
    return { places, levels, loss, ...seenAt(rows, question, people, thresholds, rules) };
  });

const rank = (a: Combination, b: Combination): number => {
  const height = ({ places }: Combination): number => places.reduce((sum, place) => sum + place, 0);
  const at = a.places.findIndex((place, index) => place !== b.places[index]);
  return a.loss - b.loss || height(a) - height(b) || (at < 0 ? 0 : (a.places[at] ?? 0) - (b.places[at] ?? 0));
};

/** Those at which everybody could go but for published rows, of all that lose less than the best. */
export const refusedOf = (all: readonly Combination[]): number => {
  const { met, best } = bestOf(all);
  const refused = all.filter(({ held, weakened }) => held.people === 0 && weakened > 0);
  return best === undefined || !met ? refused.length : refused.filter((each) => rank(each, best) < 0).length;
};

/** The least loss of those that meet; where none does, those that weaken nothing first, then the fewest people. */
export const bestOf = (
  all: readonly Combination[],
): { readonly met: boolean; readonly best: Combination | undefined } => {
  const [least] = all.filter(({ held, weakened }) => held.people === 0 && weakened === 0).toSorted(rank);
  if (least !== undefined) return { met: true, best: least };
  const [fewest] = all.toSorted(
    (a, b) => Number(a.weakened > 0) - Number(b.weakened > 0) || a.held.people - b.held.people || rank(a, b),
  );
  return { met: false, best: fewest };
};
