import { rename, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import type { Context } from "#context.ts";
import { onExportFiles, partialDirectory, unwritable } from "#export/directory.ts";
import { appendEntries } from "#ledger/append.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { faultPoint } from "#lib/fault.ts";
import { syncDirectory } from "#lib/files.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { exportFile, type Exported } from "#records/export.ts";
import type { Run } from "#records/run.ts";

/**
 * Gives finished exports their names and puts them on record, before the batch is frozen. A request that was exported in an attempt
 * before this one loses that record first: whatever moment a crash chooses, an export on record is a file that is there as
 * described. One that is there and not on record is replaced when the request is planned again.
 *
 * Throws `EXPORT_UNWRITABLE` or what Lethe's own database refused; no subject is to blame for either.
 */
export const publishExports = async (ctx: Context, run: Run, written: readonly Exported[]): Promise<void> => {
  const [first] = written;
  if (ctx.config.export === undefined || first === undefined) return;
  const { directory, recipients } = ctx.config.export;
  const requests = written.map(({ request }) => request);
  await sql`delete from lethe.export where store = ${first.store} and request_id = any (${requests}::bigint[])`.execute(
    ctx.state.db,
  );
  await onExportFiles(directory, () => nameFiles(directory, first.store, written));
  faultPoint("after-export-written");

  const at = ctx.clock.now();
  const keys = recipients.map(sha256Hex).toSorted();
  await ctx.state.db.transaction().execute(async (tx) => {
    await sql`insert into lethe.export (request_id, store, sha256, bytes, rows, recipients, exported_at, run_id)
      select request, store, sha256, bytes, rows, ${keys}::text[], ${at.toString()}, ${run.id}
      from jsonb_to_recordset(${JSON.stringify(written)}::jsonb)
        as x (request bigint, store text, sha256 text, bytes bigint, rows bigint)`.execute(tx);
    const events = written.map(({ request: _id, ref, ...file }): LedgerEvent => ({
      kind: "request.exported",
      request: ref,
      ...file,
    }));
    await appendEntries(tx, events, { at, run: run.id });
  });
};

const nameFiles = async (directory: string, store: string, written: readonly Exported[]): Promise<void> => {
  const partial = partialDirectory(directory, store);
  for (const { ref, bytes } of written) {
    const name = exportFile(ref, store);
    await rename(join(partial, name), join(directory, name));
    // A file system may accept what it does not keep.
    const { size } = await stat(join(directory, name));
    if (size !== bytes)
      throw unwritable(directory, `${name} holds ${size} bytes and not the ${bytes} that were written`);
  }
  await rmdir(partial);
  await syncDirectory(directory);
};
