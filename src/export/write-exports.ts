import { join } from "node:path";
import type { Kysely } from "kysely";
import type pg from "pg";
import type { Context, Store } from "#context.ts";
import { clearPartialExports, openDirectory, partialDirectory } from "#export/directory.ts";
import { encryptFile, encrypterFor } from "#export/encrypt-file.ts";
import { subjectOf } from "#export/lines.ts";
import { exportRows } from "#export/rows.ts";
import { toolVersion } from "#lib/version.ts";
import { exportFile, type Exported } from "#records/export.ts";
import type { Shape } from "#records/plan.ts";

/** The connection whose transaction holds the batch's scope tables. */
export type ExportSession = { readonly store: Store; readonly client: pg.PoolClient; readonly db: Kysely<unknown> };

/** Files that wait for the disk while the next one is encrypted. */
const mostWaiting = 8;

/**
 * Writes the encrypted export of every subject in the batch's scope tables, in the snapshot that the batch will change, and waits
 * until all are on the disk. They have no name yet that anybody looks for: `publishExports` gives them theirs. Without `export:` in the
 * configuration it writes none.
 *
 * Throws `EXPORT_UNWRITABLE`, which no subject is to blame for, or what the store refused.
 */
export const writeExports = async (
  ctx: Context,
  { store, client, db }: ExportSession,
  shape: Shape,
): Promise<readonly Exported[]> => {
  if (ctx.config.export === undefined) return [];
  const { directory, recipients } = ctx.config.export;
  await openDirectory(directory, store.name);
  const partial = partialDirectory(directory, store.name);
  const encrypter = await encrypterFor(recipients);
  const at = ctx.clock.now().toString({ smallestUnit: "millisecond" });
  const facts = { version: toolVersion(), store: store.name, at };
  const written: Exported[] = [];
  const waiting: Promise<void>[] = [];
  const rows = exportRows(client, db, shape);
  try {
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
      const { start, rows: count, lines } = subjectOf(next.value, rows, shape, facts);
      const path = join(partial, exportFile(start.ref, store.name));
      const { settled, ...file } = await encryptFile(directory, path, encrypter, lines);
      written.push({ request: start.request, ref: start.ref, store: store.name, rows: count, ...file });
      waiting.push(settled);
      // Whoever waits for it hears of its failure.
      settled.catch(() => undefined);
      if (waiting.length > mostWaiting) await waiting.shift();
    }
    await Promise.all(waiting);
    return written;
  } catch (error) {
    await Promise.allSettled(waiting);
    // What is half done would only take the room that may be missing.
    await clearPartialExports(ctx, store.name).catch(() => undefined);
    throw error;
  }
};
