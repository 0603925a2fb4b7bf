import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { closeDirectory, onExportFiles, unwritable } from "#export/directory.ts";
import { appendEntries } from "#ledger/append.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { syncDirectory } from "#lib/files.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { exportFile, type Exported, type WrittenExports } from "#records/export.ts";
import type { Run } from "#records/run.ts";

/**
 * Gives finished exports their names and puts them on record, before the batch is frozen. A request that was exported in an attempt
 * before this one loses that record first: whatever moment a crash chooses, an export on record is a file that is there as
 * described. One that is there and not on record is replaced when the request is planned again.
 *
 * Throws `EXPORT_UNWRITABLE`, `RUN_STOPPED` when another run has begun the requests meanwhile, or what Lethe's own database
 * refused; no subject is to blame for any of them.
 */
export const publishExports = async (ctx: Context, run: Run, written: WrittenExports | undefined): Promise<void> => {
  if (ctx.config.export === undefined || written === undefined) return;
  const { directory, recipients } = ctx.config.export;
  const { store, exports } = written;
  const requests = exports.map(({ request }) => request);
  await ctx.state.db.transaction().execute(async (tx) => {
    await assertOurs(tx, store, requests);
    await sql`delete from lethe.export where store = ${store} and request_id = any (${requests}::bigint[])`.execute(tx);
  });
  await onExportFiles(directory, () => nameFiles(directory, written));
  faultPoint("after-export-written");

  const at = ctx.clock.now();
  const keys = recipients.map(sha256Hex).toSorted();
  await ctx.state.db.transaction().execute(async (tx) => {
    await assertOurs(tx, store, requests);
    await sql`insert into lethe.export (request_id, store, sha256, bytes, rows, recipients, exported_at, run_id)
      select request, ${store}, sha256, bytes, rows, ${keys}::text[], ${at.toString()}, ${run.id}
      from jsonb_to_recordset(${JSON.stringify(exports)}::jsonb)
        as x (request bigint, sha256 text, bytes bigint, rows bigint)`.execute(tx);
    await appendEntries(tx, eventsOf(store, exports), { at, run: run.id });
  });
};

/** What was written of a batch that will not run: nobody's rows are to lie about whose erasure waits. Of what has its name already nothing goes. */
export const discardExports = async (ctx: Context, written: WrittenExports | undefined): Promise<void> => {
  if (ctx.config.export === undefined || written === undefined) return;
  await closeDirectory(ctx.config.export.directory, written.store, written.partial).catch(() => undefined);
};

const eventsOf = (store: string, exports: readonly Exported[]): readonly LedgerEvent[] =>
  exports.map(({ ref, sha256, bytes, rows }) => ({
    kind: "request.exported",
    request: ref,
    store,
    sha256,
    bytes,
    rows,
  }));

/**
 * A machine that slept while it exported may have lost the store, and with it its lock, to another run: what that one has frozen or
 * done since stays on record as it is.
 */
const assertOurs = async (tx: Kysely<StateDb>, store: string, requests: readonly number[]): Promise<void> => {
  const locked = await sql<{ free: boolean }>`select state = 'located' and batch_id is null as free from lethe.subject
    where store = ${store} and request_id = any (${requests}::bigint[]) order by request_id for update`.execute(tx);
  if (locked.rows.every(({ free }) => free)) return;
  throw new LetheError("RUN_STOPPED", `another run has begun requests in ${store} while this one exported them`, {
    hint: "nothing is lost: the other run records what it does",
  });
};

const nameFiles = async (directory: string, { store, partial, exports }: WrittenExports): Promise<void> => {
  for (const { ref, bytes } of exports) {
    const name = exportFile(ref, store);
    await rename(join(partial, name), join(directory, name));
    // A file system may accept what it does not keep.
    const { size } = await stat(join(directory, name));
    if (size !== bytes)
      throw unwritable(directory, `${name} holds ${size} bytes and not the ${bytes} that were written`);
  }
  await closeDirectory(directory, store, partial);
  await syncDirectory(directory);
};
