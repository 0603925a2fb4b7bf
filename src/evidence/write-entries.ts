import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { checkpointFile, entriesFile, type EntriesHeader } from "#evidence/entries-file.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { LetheError } from "#lib/errors.ts";
import type { Anchor } from "#ledger/read-entries.ts";
import { appendLeaves, leafHash, rootOf, type CompactRange } from "#ledger/tree.ts";
import type { SignedCheckpoint } from "#ledger/write-checkpoint.ts";
import type { LedgerEntry } from "#records/entry.ts";

export type LedgerPart = {
  readonly checkpoint: Pick<SignedCheckpoint, "size" | "root" | "note">;
  /** Where the entries start: the head that an earlier bundle ended at, or the beginning. */
  readonly from: Anchor;
  readonly entries: AsyncIterable<LedgerEntry> | Iterable<LedgerEntry>;
};

/**
 * Writes `entries.jsonl` and `checkpoint` into a bundle. Memory does not grow with the entries; the same ledger part gives
 * the same bytes.
 *
 * @throws LetheError `LEDGER_CORRUPT` when the entries do not lead to the root of the checkpoint.
 */
export const writeEntries = async (directory: string, part: LedgerPart): Promise<void> => {
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
