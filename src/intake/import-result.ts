import type { Context } from "#context.ts";
import { chunksOfFile } from "#intake/records.ts";
import { reasonOfStored } from "#intake/rejections.ts";
import { reading } from "#intake/transaction.ts";

export type RejectedRow = { readonly line: number; readonly code: string; readonly reason: string };

export type ImportResult = {
  /** SHA-256 of the file. */
  readonly digest: string;
  readonly rows: number;
  readonly accepted: number;
  /** Joined to an open request of the same person. */
  readonly repeated: number;
  readonly rejectedCount: number;
  /** The first hundred, with their line in the file. */
  readonly rejected: readonly RejectedRow[];
  /** The file had been imported before: nothing changed. */
  readonly already: boolean;
};

const mostListed = 100;

/** What came of a file, read back from the register (I12), whether this process entered it, another, or both by halves. */
export const importResult = async (
  ctx: Context,
  file: string,
  digest: string,
  already: boolean,
): Promise<ImportResult> => {
  const { counts, first } = await reading(ctx, async (db) => ({
    counts: await db
      .selectFrom("lethe.import_row")
      .select(({ fn }) => ["outcome", fn.countAll<number>().as("rows")])
      .where("file_digest", "=", digest)
      .groupBy("outcome")
      .execute(),
    first: await db
      .selectFrom("lethe.import_row")
      .select(["row_number", "code"])
      .where("file_digest", "=", digest)
      .where("outcome", "=", "rejected")
      .orderBy("row_number")
      .limit(mostListed)
      .execute(),
  }));
  const count = (outcome: string): number => counts.find((row) => row.outcome === outcome)?.rows ?? 0;
  const lines = await linesOf(file, new Set(first.map(({ row_number }) => row_number)));
  return {
    digest,
    rows: counts.reduce((sum, { rows }) => sum + rows, 0),
    accepted: count("accepted"),
    repeated: count("repeated"),
    rejectedCount: count("rejected"),
    rejected: first.map(({ row_number, code }) => ({
      line: lines.get(row_number) ?? row_number + 1,
      code: code ?? "UNKNOWN",
      reason: reasonOfStored(code),
    })),
    already,
  };
};

/** Rows are stored by number; people look for lines. Reads the file only as far as the last row that is asked for. */
const linesOf = async (file: string, rows: ReadonlySet<number>): Promise<ReadonlyMap<number, number>> => {
  const lines = new Map<number, number>();
  if (rows.size === 0) return lines;
  for await (const { records } of chunksOfFile(file)) {
    for (const { row, line } of records) if (rows.has(row)) lines.set(row, line);
    if (lines.size === rows.size) break;
  }
  return lines;
};
