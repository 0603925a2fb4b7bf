import type { Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { inclusionRanges, type LeafRange } from "#ledger/proof.ts";
import { readEntries } from "#ledger/read-entries.ts";
import { appendLeaves, emptyRange, leafHash, rootOf, type CompactRange } from "#ledger/tree.ts";
import { LetheError } from "#lib/errors.ts";

/** An entry with the path that proves that it is in the tree (RFC 6962 §2.1.1). */
export type ProvenEntry = { readonly index: number; readonly body: string; readonly hashes: readonly Buffer[] };

type Subtree = LeafRange & { tree: CompactRange };

const leavesPerStep = 1_000;

/**
 * Proves entries to be in the tree of `size` entries with this `root`, in one pass over all of them: memory grows with the proofs, never with
 * the ledger. In the order of their indexes.
 *
 * @throws LetheError `LEDGER_CORRUPT` when the entries do not lead to the root.
 */
export const proveEntries = async (
  db: Kysely<StateDb>,
  indexes: ReadonlySet<number>,
  { size, root }: { readonly size: number; readonly root: Buffer },
): Promise<readonly ProvenEntry[]> => {
  const subtrees = new Map<string, Subtree>();
  for (const range of [...indexes].flatMap((index) => inclusionRanges(index, size))) {
    subtrees.set(nameOf(range), { ...range, tree: emptyRange });
  }
  const whole: Subtree = { begin: 0, end: size, tree: emptyRange };
  const found: { readonly index: number; readonly body: string }[] = [];
  let leaves: Buffer[] = [];
  let begin = 0;
  const append = (): void => {
    for (const each of [whole, ...subtrees.values()]) {
      if (each.end <= begin || each.begin >= begin + leaves.length) continue;
      const inside = leaves.slice(Math.max(each.begin - begin, 0), Math.max(each.end - begin, 0));
      each.tree = appendLeaves(each.tree, inside);
    }
    begin += leaves.length;
    leaves = [];
  };
  for await (const { index, body } of readEntries(db, 0, size)) {
    leaves.push(leafHash(body));
    if (indexes.has(index)) found.push({ index, body });
    if (leaves.length === leavesPerStep) append();
  }
  append();
  if (!rootOf(whole.tree).equals(root)) {
    throw new LetheError("LEDGER_CORRUPT", `the ${size} entries of the ledger do not lead to its head`, {
      hint: "restore Lethe's own database from the last backup before somebody changed its entries",
    });
  }
  const rootAt = (range: LeafRange): Buffer => rootOf(subtrees.get(nameOf(range))?.tree ?? emptyRange);
  return found.map(({ index, body }) => ({ index, body, hashes: inclusionRanges(index, size).map(rootAt) }));
};

const nameOf = ({ begin, end }: LeafRange): string => `${begin} ${end}`;
