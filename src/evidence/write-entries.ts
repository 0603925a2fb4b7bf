import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { checkpointFile, entriesFile, type EntriesHeader } from "#evidence/entries-file.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { LetheError } from "#lib/errors.ts";
import { previousCheckpoint, readEntries, type Anchor } from "#ledger/read-entries.ts";
import { appendLeaves, leafHash, rootOf, type CompactRange } from "#ledger/tree.ts";
import type { SignedCheckpoint } from "#ledger/write-checkpoint.ts";
import type { LedgerEntry } from "#records/entry.ts";

/** The ledger's part of `report.json`: the bundle holds the entries `from` (inclusive) to `size` (exclusive). */
export type LedgerSection = { readonly from: number; readonly size: number; readonly root: string };

export type LedgerPart = {
  readonly checkpoint: SignedCheckpoint;
  /** Where the entries start: the head that an earlier bundle ended at, or the beginning. */
  readonly from: Anchor;
  readonly entries: AsyncIterable<LedgerEntry> | Iterable<LedgerEntry>;
};

/**
 * Writes `entries.jsonl` and `checkpoint` for a checkpoint of the ledger, with the entries since the last published
 * bundle. Memory does not grow with them.
 *
 * @throws LetheError `LEDGER_CORRUPT` when the entries do not lead to the signed root.
 */
export const writeLedgerFiles = async (
  db: Kysely<StateDb>,
  directory: string,
  checkpoint: SignedCheckpoint,
): Promise<LedgerSection> => {
  const from = await previousCheckpoint(db, checkpoint.size);
  return writeEntries(directory, { checkpoint, from, entries: readEntries(db, from.size, checkpoint.size) });
};

/** As `writeLedgerFiles`, for entries from anywhere. */
export const writeEntries = async (directory: string, part: LedgerPart): Promise<LedgerSection> => {
  const { checkpoint, from } = part;
  let range: CompactRange = from;
  const lines = async function* (): AsyncGenerator<string> {
    yield `${canonicalJson(headerOf(from))}\n`;
    for await (const { body } of part.entries) {
      range = appendLeaves(range, [leafHash(body)]);
      yield `${body}\n`;
    }
  };
  const file = createWriteStream(join(directory, entriesFile), { flush: true });
  await pipeline(Readable.from(gather(lines()), { objectMode: false }), file);
  if (range.size !== checkpoint.size || !rootOf(range).equals(checkpoint.root)) {
    throw new LetheError(
      "LEDGER_CORRUPT",
      `the entries ${from.size} to ${checkpoint.size} do not lead to the ledger's head`,
      {
        hint: "restore Lethe's own database from the last backup before somebody changed its entries",
      },
    );
  }
  await writeFile(join(directory, checkpointFile), checkpoint.note, { flush: true });
  return { from: from.size, size: checkpoint.size, root: checkpoint.root.toString("hex") };
};

const headerOf = ({ size, frontier, root }: Anchor): EntriesHeader => ({
  from: size,
  frontier: frontier.map((hash) => Buffer.from(hash).toString("hex")),
  previous: { size, root: root.toString("hex") },
});

/** One write a line would be one system call a line. */
async function* gather(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = "";
  for await (const line of lines) {
    chunk += line;
    if (chunk.length > 65_536) {
      yield chunk;
      chunk = "";
    }
  }
  yield chunk;
}
