import { z } from "zod";
import { digestOfStays, type Declaration } from "#evidence/declared.ts";
import { quoted } from "#evidence/faults.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { outcomes, type Outcome, type StayingData } from "#records/treatment.ts";

const count = z.int().nonnegative();
const column = z.object({
  table: z.string(),
  column: z.string(),
  rows: count,
  why: z.string(),
  until: z.string().nullable(),
});

/** Only what is compared here. */
export const outcomesSchema = z.object({
  requests: z.record(z.enum(outcomes), count),
  stores: z.array(z.object({ store: z.string().nullable(), outcome: z.enum(outcomes), requests: count })),
  items: z.array(
    z.object({
      ref: z.string(),
      store: z.string().nullable(),
      outcome: z.enum(outcomes),
      left: count.nullable(),
      until: z.string().nullable(),
    }),
  ),
});

export const staysSchema = z.object({
  places: z.array(z.object({ store: z.string(), ...column.shape, requests: count })),
  items: z.array(z.object({ ref: z.string(), store: z.string(), columns: z.array(column) })),
});

export type ReportedOutcomes = {
  readonly outcomes: z.infer<typeof outcomesSchema>;
  readonly stays: z.infer<typeof staysSchema>;
  /** The open requests as the register lists them. */
  readonly register: readonly { readonly ref: string; readonly state: string }[];
};

const open: ReadonlySet<string> = new Set(["scheduled", "blocked", "failed"] satisfies Outcome[]);

/**
 * Compares what a report says of the end of requests with what the ledger's entries declared, both ways: no request more, none less,
 * none otherwise. Then the report with itself: sums, and the requests that are open. Returns what is wrong, undefined when nothing is.
 */
export const faultOfOutcomes = (
  { outcomes: section, stays, register }: ReportedOutcomes,
  declared: ReadonlyMap<string, Declaration>,
): string | undefined =>
  faultOfEnds(section.items, declared) ??
  faultOfStays(stays.items, declared) ??
  faultOfLeft(section.items, stays.items) ??
  (canonicalJson(sumsOf(section.items)) === canonicalJson(sumsSaid(section))
    ? undefined
    : "counts other outcomes than it lists") ??
  (same(placesOf(stays.items), stays.places) ? undefined : "sums up otherwise what it lists as staying") ??
  (same(openIn(section.items), openOf(register))
    ? undefined
    : "lists other open requests as outcomes than in its register");

type Item = z.infer<typeof outcomesSchema>["items"][number];
type Stay = z.infer<typeof staysSchema>["items"][number];

const faultOfEnds = (items: readonly Item[], declared: ReadonlyMap<string, Declaration>): string | undefined => {
  const done = items.filter(({ outcome }) => !open.has(outcome));
  const expected = [...declared.values()].reduce((sum, { outcomes: ends }) => sum + ends.size, 0);
  const seen = new Set<string>();
  for (const { ref, store, outcome } of done) {
    const end = store === null ? undefined : declared.get(ref)?.outcomes.get(store);
    if (end !== outcome || seen.has(`${ref} ${store}`)) {
      return `says that request ${quoted(ref)} ended as ${outcome}, and the ledger ${end ?? "nothing of it"}`;
    }
    seen.add(`${ref} ${store}`);
  }
  if (seen.size === expected) return undefined;
  const missing = [...declared].find(([ref, { outcomes: ends }]) =>
    [...ends.keys()].some((store) => !seen.has(`${ref} ${store}`)),
  );
  return `does not say what became of request ${quoted(missing?.[0] ?? "")}`;
};

const none = digestOfStays([]);

const faultOfStays = (items: readonly Stay[], declared: ReadonlyMap<string, Declaration>): string | undefined => {
  const byRequest = Map.groupBy(items, ({ ref }) => ref);
  const otherwise = (ref: string): string =>
    `says otherwise than the ledger what personal data stays of request ${quoted(ref)}`;
  for (const [ref, { stays }] of declared) {
    if (digestOfStays((byRequest.get(ref) ?? []).flatMap(flat)) !== stays) return otherwise(ref);
  }
  const unknown = [...byRequest.keys()].find((ref) => !declared.has(ref) || declared.get(ref)?.stays === none);
  return unknown === undefined ? undefined : otherwise(unknown);
};

const flat = ({ store, columns }: Stay): StayingData[] => columns.map((each) => ({ store, ...each }));

/** Each outcome says in short what is listed at length. */
const faultOfLeft = (items: readonly Item[], stays: readonly Stay[]): string | undefined => {
  const columnsOf = new Map(stays.map(({ ref, store, columns }) => [`${ref} ${store}`, columns]));
  const wrong = items.find(({ ref, store, outcome, left, until }) => {
    if (open.has(outcome)) return left !== null;
    const columns = columnsOf.get(`${ref} ${store}`) ?? [];
    return left !== columns.length || until !== latest(columns);
  });
  return wrong && `says in short of request ${quoted(wrong.ref)} that something else stays than at length`;
};

/** The last day; null when for some column no date is set. */
const latest = (columns: readonly { readonly until: string | null }[]): string | null => {
  const days = columns.flatMap(({ until }) => until ?? []).toSorted();
  return days.length < columns.length ? null : (days.at(-1) ?? null);
};

const sumsOf = (items: readonly Item[]) => {
  const distinct = (some: readonly Item[]): number => new Set(some.map(({ ref }) => ref)).size;
  const byStore = Map.groupBy(items, ({ store, outcome }) => canonicalJson([store, outcome]));
  const byOutcome = Map.groupBy(items, ({ outcome }) => outcome);
  return {
    requests: Object.fromEntries(outcomes.map((outcome) => [outcome, distinct(byOutcome.get(outcome) ?? [])])),
    stores: [...byStore].map(([key, some]) => [key, distinct(some)] as const).toSorted(byKey),
  };
};

const sumsSaid = ({ requests, stores }: z.infer<typeof outcomesSchema>) => ({
  requests,
  stores: stores
    .map(({ store, outcome, requests: number }) => [canonicalJson([store, outcome]), number] as const)
    .toSorted(byKey),
});

const byKey = ([a]: readonly [string, number], [b]: readonly [string, number]): number => (a < b ? -1 : a > b ? 1 : 0);

const placesOf = (items: readonly Stay[]): z.infer<typeof staysSchema>["places"] =>
  [
    ...Map.groupBy(items.flatMap(flat), ({ store, table, column: name, why }) =>
      canonicalJson([store, table, name, why]),
    ).values(),
  ].flatMap((columns) => {
    const [first] = columns;
    const rows = columns.reduce((sum, each) => sum + each.rows, 0);
    return first === undefined ? [] : [{ ...first, rows, until: latest(columns), requests: columns.length }];
  });

const openIn = (items: readonly Item[]): readonly string[] => [
  ...new Set(items.filter(({ outcome }) => open.has(outcome)).map(({ ref, outcome }) => `${ref} ${outcome}`)),
];

const openOf = (register: ReportedOutcomes["register"]): readonly string[] =>
  register.filter(({ state }) => open.has(state)).map(({ ref, state }) => `${ref} ${state}`);

type Plain = string | Readonly<Record<string, string | number | null>>;

/** The same things, in whatever order. */
const same = (one: readonly Plain[], other: readonly Plain[]): boolean => {
  const told = (things: readonly Plain[]): string =>
    things
      .map((thing) => canonicalJson(thing))
      .toSorted()
      .join("\n");
  return told(one) === told(other);
};
