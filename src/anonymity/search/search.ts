import type { Kysely } from "kysely";
import { fillSearchTables, type Missed } from "#anonymity/search/fill.ts";
import { judge, type Figures, type Levels, type Outcome, type Thresholds } from "#anonymity/search/judge.ts";
import { latticeOf, type Lattice } from "#anonymity/search/lattice.ts";
import { leastLoss, type Least } from "#anonymity/search/least-loss.ts";
import { whole, type Question } from "#anonymity/search/tables.ts";

export type Wanted = Thresholds & {
  /** Of the rows, how many percent may be held back: 0 to 100. Not together with `t`, which is measured from all rows. */
  readonly suppress: number;
};

/** The whole table at some levels. */
export type At = Figures & {
  readonly levels: Levels;
  /** Rows in classes below a threshold. */
  readonly held: number;
  /**
   * 0 to 1: the average over all rows and quasi-identifiers of what a value loses (see `stepsSql`); a row that is held back loses all of each.
   */
  readonly loss: number;
  /** Of each quasi-identifier, over all rows, before any is held back: 0 to 1. */
  readonly losses: readonly number[];
};

export type Answer = {
  readonly rows: number;
  /** Whether some levels meet the thresholds. */
  readonly met: boolean;
  /** Rows that may be held back. */
  readonly allowed: number;
  /** The table as it is. */
  readonly before: At;
  /**
   * Without the rows that are held back: the levels with the least loss of all that meet the thresholds; where none does, those with the fewest rows below them, and of these the
   * least loss, and nothing is held back. With a threshold for t the latter are the highest levels.
   */
  readonly best: At;
  /** Combinations of levels that there are, and that were looked at; one combination is one GROUP BY. */
  readonly nodes: number;
  readonly looked: number;
};

export type Searched = Answer | { readonly missed: readonly [Missed, ...Missed[]] };

/** A lattice of more combinations is refused: each takes a few bytes of memory, and some of them a GROUP BY. */
export const mostNodes = 1_000_000;

export const nodesOf = ({ hierarchies }: Question): number =>
  hierarchies.reduce((product, { most }) => product * (most + 1), 1);

/**
 * Searches the full-domain generalisation with the least loss that meets the thresholds, in the caller's transaction: its snapshot is what
 * is searched. Call `createSearchTables` before, outside of a transaction that is read-only. `missed` where a hierarchy says nothing of values
 * that the table holds.
 *
 * The source table is read once; no row of it comes to this process.
 */
export const search = async (db: Kysely<unknown>, question: Question, wanted: Wanted): Promise<Searched> => {
  const { hierarchies } = question;
  const { rows, losses, missed } = await fillSearchTables(db, question);
  const [first, ...others] = missed;
  if (first !== undefined) return { missed: [first, ...others] };
  const most = hierarchies.map((each) => each.most);
  const lattice = latticeOf(most, losses);
  const outcomes = new Map<number, Outcome>();
  const outcomeOf = async (levels: Levels): Promise<Outcome> => {
    const node = lattice.nodeOf(levels);
    const known = outcomes.get(node) ?? (await judge(db, question, wanted, levels));
    outcomes.set(node, known);
    return known;
  };
  const withHeld = (allowed: number) =>
    leastLoss(lattice, async (levels) => {
      const { held, heldLoss } = await outcomeOf(levels);
      return { met: held <= allowed, heldLoss };
    });
  const at = async ({ levels, loss }: Least, of: "all" | "kept"): Promise<At> => {
    const { held, [of]: figures } = await outcomeOf(levels);
    const each = levels.map((level, column) => share(losses[column]?.[level] ?? 0, rows));
    return { levels, held, loss: share(loss, rows * hierarchies.length), losses: each, ...figures };
  };
  const allowed = Math.floor((rows * wanted.suppress) / 100);
  const { least, looked } = await withHeld(allowed);
  const best = least ?? (await fewestHeld(lattice, most, wanted, outcomeOf, withHeld));
  const bottom: Least = { levels: most.map(() => 0), loss: 0 };
  const [before, after] = [await at(bottom, "all"), await at(best, least === undefined ? "all" : "kept")];
  return { rows, met: least !== undefined, allowed, before, best: after, nodes: lattice.size, looked };
};

const share = (loss: number, of: number): number => (of === 0 ? 0 : loss / (of * whole));

/** No levels meet the thresholds. Of k and l the highest levels leave the fewest rows below: others may leave as few and lose less. */
const fewestHeld = async (
  lattice: Lattice,
  most: Levels,
  { t }: Wanted,
  outcomeOf: (levels: Levels) => Promise<Outcome>,
  withHeld: (allowed: number) => ReturnType<typeof leastLoss>,
): Promise<Least> => {
  const { held, heldLoss } = await outcomeOf(most);
  const highest = { levels: most, loss: lattice.loss(lattice.nodeOf(most)) + heldLoss };
  if (t !== undefined) return highest;
  return (await withHeld(held)).least ?? highest;
};
