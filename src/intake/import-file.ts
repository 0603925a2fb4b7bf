import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { enterRequests, type Entered } from "#intake/enter.ts";
import { importResult, type ImportResult } from "#intake/import-result.ts";
import { chunksOfFile, digestOfFile, type Chunk } from "#intake/records.ts";
import type { RowCode } from "#intake/rejections.ts";
import { parseCells, type Entrant } from "#intake/row.ts";
import { inTransaction, lockIntake, reading } from "#intake/transaction.ts";
import { dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";

/**
 * Imports requests from a CSV or XLSX file. The whole file is read once before anything is entered: a mistake in the
 * file throws an `IMPORT_…` error with its line and changes nothing. A mistake in a row rejects that row.
 *
 * Rows enter in chunks, each one transaction with its requests, identifiers and ledger entries. They are known by the
 * file's digest and their number, so after a crash the same command goes on where it was, two runs at once enter each
 * row once, and importing the file again changes nothing and says so (`already`).
 */
export const importFile = async (ctx: Context, file: string): Promise<ImportResult> => {
  const digest = await digestOfFile(file);
  ctx.progress.stage("import");
  const already = await isFinished(ctx, digest);
  if (!already) {
    const seals = await inspect(ctx, file);
    if ((await digestOfFile(file)) !== digest) throw changedMeanwhile(file);
    await enterFile(ctx, file, digest, seals);
  }
  const result = await importResult(ctx, file, digest, already);
  ctx.progress.end(already ? "already imported" : `${result.accepted} accepted, ${result.rejectedCount} rejected`);
  return result;
};

const isFinished = (ctx: Context, digest: string): Promise<boolean> =>
  reading(ctx, async (db) => {
    const known = await db
      .selectFrom("lethe.import_file")
      .select("finished_at")
      .where("digest", "=", digest)
      .executeTakeFirst();
    return known !== undefined && known.finished_at !== null;
  });

type Seals = { readonly seals: readonly string[]; readonly rows: number };

/** The first reading: throws for everything that is wrong with the file as a file. */
const inspect = async (ctx: Context, file: string): Promise<Seals> => {
  const seals: string[] = [];
  let rows = 0;
  for await (const chunk of chunksOfFile(file)) {
    stopIfAsked(ctx);
    seals.push(chunk.seal);
    rows += chunk.records.length;
  }
  return { seals, rows };
};

/** The second reading. A crash between two chunks loses nothing: the rows of a finished chunk are found and left out. */
const enterFile = async (ctx: Context, file: string, digest: string, { seals, rows }: Seals): Promise<void> => {
  let read = 0;
  let index = 0;
  for await (const chunk of chunksOfFile(file)) {
    stopIfAsked(ctx);
    // What enters is what was inspected, even if the file is written to at this very moment.
    if (chunk.seal !== seals[index]) throw changedMeanwhile(file);
    await inTransaction(ctx, (db) => enterChunk(ctx, db, digest, chunk));
    faultPoint("after-import-row-batch");
    index += 1;
    read += chunk.records.length;
    ctx.progress.advance(read, rows, "rows");
  }
  if (index !== seals.length) throw changedMeanwhile(file);
  await reading(ctx, (db) =>
    db
      .updateTable("lethe.import_file")
      .set({ finished_at: ctx.clock.now().toString() })
      .where("digest", "=", digest)
      .where("finished_at", "is", null)
      .execute(),
  );
};

type Row = { readonly row: number } & ({ readonly entrant: Entrant } | { readonly code: RowCode });

const enterChunk = async (ctx: Context, db: Kysely<StateDb>, digest: string, chunk: Chunk): Promise<void> => {
  await lockIntake(db);
  const done = await rowsAlreadyEntered(db, digest, chunk);
  const controller = ctx.config.controller;
  const today = dayIn(ctx.clock.now(), controller.timeZone);
  const rows = chunk.records
    .filter(({ row }) => !done.has(row))
    .map(({ row, cells }): Row => {
      const parsed = parseCells(cells, chunk.header, controller, today);
      return parsed.ok ? { row, entrant: parsed.entrant } : { row, code: parsed.code };
    });
  if (rows.length === 0) return;
  await db
    .insertInto("lethe.import_file")
    .values({ digest, imported_at: ctx.clock.now().toString(), finished_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const valid = rows.flatMap((row) => ("entrant" in row ? [row] : []));
  const entered = await enterRequests(
    ctx,
    db,
    valid.map(({ entrant }) => entrant),
    "import",
  );
  const byRow = new Map(valid.map(({ row }, index) => [row, entered[index]]));
  await recordRows(
    db,
    digest,
    rows.map((row) => recordOf(row, byRow.get(row.row))),
  );
};

const rowsAlreadyEntered = async (db: Kysely<StateDb>, digest: string, chunk: Chunk): Promise<ReadonlySet<number>> => {
  const found = await db
    .selectFrom("lethe.import_row")
    .select("row_number")
    .where("file_digest", "=", digest)
    .where("row_number", ">=", chunk.records[0]?.row ?? 0)
    .where("row_number", "<=", chunk.records.at(-1)?.row ?? 0)
    .execute();
  return new Set(found.map(({ row_number }) => row_number));
};

type RowRecord = { row: number; outcome: string; requestId: number | null; code: string | null };

const recordOf = (row: Row, entered: Entered | undefined): RowRecord => {
  if (entered === undefined)
    return { row: row.row, outcome: "rejected", requestId: null, code: "code" in row ? row.code : null };
  const { outcome, requestId } = entered;
  return { row: row.row, outcome: outcome.kind, requestId, code: outcome.kind === "rejected" ? outcome.code : null };
};

const recordRows = async (db: Kysely<StateDb>, digest: string, rows: readonly RowRecord[]): Promise<void> => {
  await sql`insert into lethe.import_row (file_digest, row_number, outcome, request_id, code)
    select ${digest}, * from unnest(
      ${rows.map(({ row }) => row)}::integer[], ${rows.map(({ outcome }) => outcome)}::text[],
      ${rows.map(({ requestId }) => requestId)}::bigint[], ${rows.map(({ code }) => code)}::text[]
    )`.execute(db);
};

const stopIfAsked = (ctx: Context): void => {
  if (!ctx.signal.aborted) return;
  throw new LetheError("RUN_STOPPED", "the import was stopped; rows that had entered stay", {
    hint: "import the same file again: it goes on where it was",
  });
};

const changedMeanwhile = (file: string): LetheError =>
  new LetheError("IMPORT_UNREADABLE", "the file changed while it was read", {
    place: { file },
    hint: "wait until the program that writes it is done, then import it again",
  });
