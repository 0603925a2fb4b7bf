import { sql } from "kysely";
import type { Context } from "#context.ts";
import { hasMoved, recordPlace, unconfigured } from "#backups/place.ts";
import { inState } from "#backups/state-transaction.ts";
import { isThere } from "#db/backup-sets.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";

/** `sets`: how many backups that were on record in the old place nobody asks for there any more. */
export type Moved = { readonly repository: string; readonly to: "another place" | "nowhere"; readonly sets: number };

/**
 * Somebody says that nothing of a repository is left where it was: because everything is in the place that the configuration names by now, where
 * the next night looks for each of its backups; or because they are gone, of a repository that it names no more. Their word goes to the ledger, since
 * no storage was asked. `by`: the keyed digest of who says it, as the ledger has it.
 *
 * @throws LetheError `USAGE` for a repository that is where it was.
 */
export const movedBackups = async (ctx: Context, name: string, { by }: { readonly by: string }): Promise<Moved> =>
  inState(ctx.state, async (db) => {
    const config = ctx.config.backups.find((each) => each.name === name);
    const meta = { at: ctx.clock.now(), run: null };
    const isForsaken = (await unconfigured(db, ctx.config)).some(({ repository }) => repository === name);
    if (!isForsaken && (config === undefined || !(await hasMoved(db, config)))) throw nothingMoved(name);
    const { rows } = await sql<{ sets: number }>`select count(*) as sets from lethe.backup_set held
      where held.repository = ${name} and ${isThere}`.execute(db);
    if (config === undefined) {
      await sql`update lethe.backup_set held set state = 'vanished', purged_at = ${meta.at.toString()}
        where held.repository = ${name} and ${isThere}`.execute(db);
      await sql`delete from lethe.backup_log where repository = ${name}`.execute(db);
      await sql`delete from lethe.backup_place where repository = ${name}`.execute(db);
    } else {
      await recordPlace(db, config);
    }
    const to = config === undefined ? "nowhere" : "another place";
    const moved: Moved = { repository: name, to, sets: rows[0]?.sets ?? 0 };
    await appendEntries(db, [{ kind: "backup.moved", ...moved, by }], meta);
    return moved;
  });

const nothingMoved = (name: string): LetheError =>
  new LetheError("USAGE", `no backups of ${name} are on record in another place than the configuration names`, {
    hint: "name a repository of which `lethe backups check` says BACKUP_MOVED or BACKUP_UNCONFIGURED",
  });
