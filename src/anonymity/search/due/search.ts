import type { Kysely } from "kysely";
import { levelOf } from "#anonymity/search/due/becomes.ts";
import { fillDueTables, type DueFilled } from "#anonymity/search/due/fill.ts";
import { firstThatMeets } from "#anonymity/search/due/first-that-meets.ts";
import {
  countThin,
  judgeDue,
  measureBefore,
  unordered,
  whoWaits,
  type Chosen,
  type DueOutcome,
} from "#anonymity/search/due/judge.ts";
import type { DueRows } from "#anonymity/search/due/read.ts";
import type { DueQuestion } from "#anonymity/search/due/tables.ts";
import { topOf } from "#anonymity/search/hierarchy.ts";
import type { Missed } from "#anonymity/search/fill.ts";
import type { Levels, Thresholds } from "#anonymity/search/judge.ts";
import { latticeOf } from "#anonymity/search/lattice.ts";
import { whole } from "#anonymity/search/tables.ts";

/** The rows that are due, at some levels, beside those that stay as they are. */
export type DueAt = DueOutcome & {
  /** People who would wait: those who are held, and whoever loses company by that. */
  readonly waits: number;
  /** 0 to 1: the average over the rows that are due and the quasi-identifiers; null: not known. */
  readonly loss: number | null;
};

export type DueBest = DueAt & {
  readonly loss: number;
  readonly levels: Levels;
  /** Of each quasi-identifier, over the rows that are due: 0 to 1. */
  readonly losses: readonly number[];
};

export type DueAnswer = Pick<DueFilled, "people" | "rows" | "staying" | "published"> & {
  /** Whether everybody who is due could go at some levels. */
  readonly met: boolean;
  /**
   * The levels with the least loss of all that meet the thresholds and weaken nothing that is published; where none does, those at which the fewest people
   * are held, and of these the least loss; null: there are no rows that are due.
   */
  readonly best: DueBest | null;
  /** As the policy says; null where that cannot be told before the night, or there are no rows that are due. */
  readonly now: DueAt | null;
  /** Combinations that there are, that were looked at, and parts of such; one look is one GROUP BY. */
  readonly nodes: number;
  readonly looked: number;
  readonly parts: number;
  /** Combinations at which everybody could go, but for what they take from published classes. */
  readonly refused: number;
};

/** With a number of one request of everybody who would wait. */
export type DueSearched =
  | { readonly answer: DueAnswer; readonly waiting: readonly number[] }
  | { readonly missed: readonly Missed[] };

/** A lattice of more combinations is refused: without a combination that meets, each may have to be looked at. */
export const mostDueNodes = 20_000;

export const dueNodesOf = ({ columns }: Pick<DueQuestion, "columns">): number =>
  columns.reduce((product, { choices }) => product * choices.length, 1);

/**
 * Searches the generalisation of the rows that are due with the least loss that meets the thresholds beside the rows that stay, in the caller's transaction:
 * its snapshot is what is searched. Call `createDueTables` before, outside of a transaction that is read-only. `missed` where a hierarchy says
 * nothing of values of rows that are due.
 */
export const searchDueRows = async (
  db: Kysely<unknown>,
  whatIs: DueQuestion,
  thresholds: Thresholds,
  rows: DueRows,
): Promise<DueSearched> => {
  const question = thresholds.t === undefined ? unordered(whatIs) : whatIs;
  const { columns } = question;
  const { losses, missed, ...filled } = await fillDueTables(db, question, rows);
  if (missed.length > 0) return { missed };
  const nodes = dueNodesOf(question);
  const none = { met: true, best: null, now: null, nodes, looked: 0, parts: 0, refused: 0 };
  if (filled.rows === 0) return { answer: { ...filled, ...none }, waiting: [] };
  await measureBefore(db, question);
  const asked = { question, thresholds };
  const lattice = latticeOf(
    columns.map(({ choices }) => choices.length - 1),
    losses,
  );
  const chosenAt = (levels: Levels, some: readonly number[] = [...columns.keys()]): Chosen =>
    some.map((index) => ({ index, place: levels[index] ?? 0 }));
  const { levels, met, ...counts } = await firstThatMeets(lattice, columns.length, {
    whole: async (at) => {
      const { held, weakened } = await judgeDue(db, asked, chosenAt(at));
      return { people: held.people, thin: Math.max(held.k, held.l), weakened };
    },
    part: (at, some) => countThin(db, asked, chosenAt(at, some)),
  });
  const each = losses.map((of, index) => of[levels[index] ?? 0] ?? 0);
  const share = (loss: number): number => loss / (filled.rows * whole);
  const waiting = new Set<number>();
  const at = async (chosen: Chosen): Promise<Omit<DueAt, "loss">> => {
    const outcome = await judgeDue(db, asked, chosen);
    const waits = outcome.held.people === 0 ? [] : await whoWaits(db, asked, chosen);
    for (const person of waits) waiting.add(person);
    return { ...outcome, t: thresholds.t === undefined ? [] : outcome.t, waits: waits.length };
  };
  const best: DueBest = {
    ...(await at(chosenAt(levels))),
    levels: columns.map(({ choices }, index) => choices[levels[index] ?? 0]?.level ?? 0),
    loss: share(sum(each)) / columns.length,
    losses: each.map(share),
  };
  const asNow = columns.map((_, index) => ({ index, place: "now" as const }));
  const told = columns.every(({ now }) => now !== undefined);
  const lost = lossNow(question, losses, filled.rows);
  const now = told ? { ...(await at(asNow)), loss: lost === undefined ? null : share(lost) / columns.length } : null;
  return { answer: { ...filled, met, best, now, nodes, ...counts }, waiting: [...waiting] };
};

/** What the policy's own rules lose, where each is one of the levels. */
const lossNow = (
  { columns }: DueQuestion,
  losses: readonly (readonly number[])[],
  rows: number,
): number | undefined => {
  const each = columns.map(({ hierarchy, choices, now }, index) => {
    const level = now === undefined ? undefined : levelOf(hierarchy, choices, now);
    if (level === topOf(hierarchy)) return rows * whole;
    return losses[index]?.[choices.findIndex((choice) => choice.level === level)];
  });
  return each.reduce<number | undefined>(
    (total, loss) => (total === undefined || loss === undefined ? undefined : total + loss),
    0,
  );
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
