import { join } from "node:path";
import type { Kysely } from "kysely";
import type pg from "pg";
import type { Context, Store } from "#context.ts";
import { closeDirectory, openDirectory } from "#export/directory.ts";
import { encryptFile, encrypterFor } from "#export/encrypt-file.ts";
import { subjectOf } from "#export/lines.ts";
import { exportRows } from "#export/rows.ts";
import { toolVersion } from "#lib/version.ts";
import { exportFile, type Exported, type WrittenExports } from "#records/export.ts";
import type { Shape } from "#records/plan.ts";

/** The connection whose transaction holds the batch's scope tables. */
export type ExportSession = { readonly store: Store; readonly client: pg.PoolClient; readonly db: Kysely<unknown> };

/** Files that wait for the disk while the next one is encrypted. */
const mostWaiting = 8;

/**
 * Writes the encrypted export of every subject in the batch's scope tables, in the snapshot that the batch will change, and waits
 * until all are on the disk. They have no name yet that anybody looks for: `publishExports` gives them theirs. Undefined without
 * `export:` in the configuration.
 *
 * Throws `EXPORT_UNWRITABLE`, which no subject is to blame for, or what the store refused.
 */
export const writeExports = async (
  ctx: Context,
  { store, client, db }: ExportSession,
  shape: Shape,
): Promise<WrittenExports | undefined> => {
  if (ctx.config.export === undefined) return undefined;
  const { directory, recipients } = ctx.config.export;
  const partial = await openDirectory(directory, store.name, ctx.random);
  const encrypter = await encrypterFor(recipients);
  const at = ctx.clock.now().toString({ smallestUnit: "millisecond" });
  const facts = { version: toolVersion(), store: store.name, at };
  const exports: Exported[] = [];
  const waiting: Promise<void>[] = [];
  const rows = exportRows(client, db, shape);
  try {
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
      const { start, rows: count, lines } = subjectOf(next.value, rows, shape, facts);
      const path = join(partial, exportFile(start.ref, store.name));
      const { settled, ...file } = await encryptFile(directory, path, encrypter, lines);
      exports.push({ request: start.request, ref: start.ref, rows: count, ...file });
      waiting.push(settled);
      // Whoever waits for it hears of its failure.
      settled.catch(() => undefined);
      if (waiting.length > mostWaiting) await waiting.shift();
    }
    await Promise.all(waiting);
    return { store: store.name, partial, exports };
  } catch (error) {
    await Promise.allSettled(waiting);
    // What is half done would only take the room that may be missing.
    await closeDirectory(directory, store.name, partial).catch(() => undefined);
    throw error;
  }
};
