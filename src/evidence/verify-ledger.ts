import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { KeyObject } from "node:crypto";
import { decodeUtf8, parseCanonical, readBounded } from "#evidence/canonical-file.ts";
import { checkpointFile, entriesFile, entriesHeaderSchema } from "#evidence/entries-file.ts";
import { tampered } from "#evidence/faults.ts";
import { readLines } from "#evidence/read-lines.ts";
import type { Statement, TreeHeadJson } from "#evidence/statement.ts";
import type { Checkpoint } from "#ledger/checkpoint.ts";
import { appendLeaves, emptyRange, frontierLength, leafHash, rootOf, type CompactRange } from "#ledger/tree.ts";
import { verifyCheckpoint } from "#ledger/verify-checkpoint.ts";

const largestCheckpoint = 64 * 1024;

/** Step 4: the checkpoint is a note by the same key, over the head that the statement names. */
export const verifyLedgerHead = async (
  directory: string,
  statement: Statement,
  publicKey: KeyObject,
): Promise<Checkpoint> => {
  const source = decodeUtf8(await readBounded(directory, checkpointFile, largestCheckpoint));
  const opened = source === undefined ? undefined : verifyCheckpoint(source, publicKey);
  if (opened?.ok !== true) {
    const fault = opened?.fault ?? "malformed";
    throw tampered(checkpointFile, `is not a checkpoint that the given key signed (${fault})`);
  }
  const { size, root } = statement.predicate.checkpoint;
  if (opened.value.size !== size || opened.value.root.toString("hex") !== root) {
    throw tampered(checkpointFile, "is another head of the ledger than the one in the signed statement");
  }
  return opened.value;
};

/**
 * Step 5: the entries, added to the tree before them, give the signed root. Returns that earlier head. `take` gets each entry as it comes
 * by: what it was is only known to be true once this returns.
 */
export const verifyEntries = async (
  directory: string,
  head: Checkpoint,
  take: (line: Buffer) => void = () => undefined,
): Promise<TreeHeadJson> => {
  const chunks = createReadStream(join(directory, entriesFile));
  let start: EntriesStart | undefined;
  let range = emptyRange;
  for await (const line of readLines(chunks, entriesFile)) {
    if (start === undefined) {
      start = parseHeader(line);
      range = start.range;
      continue;
    }
    if (range.size >= head.size) throw tampered(entriesFile, "has more entries than the checkpoint counts");
    range = appendLeaves(range, [leafHash(line)]);
    take(line);
  }
  if (start === undefined) throw tampered(entriesFile, "has no header");
  if (range.size !== head.size)
    throw tampered(entriesFile, `ends at entry ${range.size}, the checkpoint at ${head.size}`);
  if (!rootOf(range).equals(head.root)) throw tampered(entriesFile, "does not lead to the root of the checkpoint");
  return start.previous;
};

type EntriesStart = { readonly previous: TreeHeadJson; readonly range: CompactRange };

const parseHeader = (line: Buffer): EntriesStart => {
  const text = decodeUtf8(line);
  const header = entriesHeaderSchema.safeParse(text === undefined ? undefined : parseCanonical(text));
  if (!header.success) throw tampered(entriesFile, "has a header of a form that this version does not know");
  const { from, frontier, previous } = header.data;
  const range = { size: from, frontier: frontier.map((hash) => Buffer.from(hash, "hex")) };
  if (previous.size !== from || frontier.length !== frontierLength(from)) {
    throw tampered(entriesFile, "has a header that contradicts itself");
  }
  if (rootOf(range).toString("hex") !== previous.root) {
    throw tampered(entriesFile, "does not start at the head of the ledger that it names");
  }
  return { previous, range };
};
