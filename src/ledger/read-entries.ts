import type { Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { emptyRange, emptyRoot, type CompactRange } from "#ledger/tree.ts";
import { LetheError } from "#lib/errors.ts";
import type { LedgerEntry } from "#records/entry.ts";

const rowsPerPage = 1_000;

/** The entries `from` (inclusive) to `to` (exclusive), in order, a page at a time: memory does not grow with them. */
export async function* readEntries(db: Kysely<StateDb>, from: number, to: number): AsyncGenerator<LedgerEntry> {
  for (let start = from; start < to; start += rowsPerPage) {
    const end = Math.min(start + rowsPerPage, to);
    const page = await db
      .selectFrom("lethe.ledger_entry")
      .select(["index", "body"])
      .where("index", ">=", start)
      .where("index", "<", end)
      .orderBy("index")
      .execute();
    if (page.length !== end - start) {
      throw new LetheError("LEDGER_CORRUPT", `entries between ${start} and ${end} are missing from the ledger`, {
        hint: "restore Lethe's own database from the last backup before somebody deleted them",
      });
    }
    yield* page;
  }
}

export type Anchor = CompactRange & { readonly root: Buffer };

const beginning: Anchor = { ...emptyRange, root: emptyRoot };

/**
 * Where the bundle with the entries `from` to `size` begins: the newest checkpoint at or before `from` that a published
 * bundle ended at, or the beginning. A checkpoint whose run died before its bundle was in place does not count: bundles
 * may overlap, but no entry is in none.
 */
export const previousCheckpoint = async (db: Kysely<StateDb>, from: number, size: number): Promise<Anchor> => {
  const row = await db
    .selectFrom("lethe.checkpoint as checkpoint")
    .innerJoin("lethe.run as run", "run.id", "checkpoint.run_id")
    .select(["checkpoint.size", "checkpoint.root", "checkpoint.frontier"])
    .where("checkpoint.size", "<=", from)
    .where("checkpoint.size", "<", size)
    .where("run.bundle", "is not", null)
    .orderBy("checkpoint.size", "desc")
    .limit(1)
    .executeTakeFirst();
  return row ?? beginning;
};

/** The compact range at the size of a checkpoint; undefined when none was signed there. */
export const frontierAt = async (db: Kysely<StateDb>, size: number): Promise<Anchor | undefined> => {
  if (size === 0) return beginning;
  return db
    .selectFrom("lethe.checkpoint")
    .select(["size", "root", "frontier"])
    .where("size", "=", size)
    .executeTakeFirst();
};
