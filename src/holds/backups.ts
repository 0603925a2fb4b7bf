import { sql } from "kysely";
import type { Context } from "#context.ts";
import type { BackupConfig } from "#config.ts";
import { keptBackups } from "#db/backup-sets.ts";
import { checkPlacing, daysOf, insertHold, placedAs, type Placing } from "#holds/placing.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";
import { nearest } from "#lib/nearest.ts";
import { holdReference } from "#lib/random.ts";

export type BackupRange = {
  readonly repository: string;
  /** One backup by its name; all unless given. */
  readonly backup: string | undefined;
  /** ISO dates, both included, on which one was begun or finished. */
  readonly from: string | undefined;
  readonly to: string | undefined;
};

/** `backups`: how many it keeps, of those that the last night has listed, with what they need. */
export type PlacedOnBackups = { readonly ref: string; readonly matter: string; readonly backups: number };

/**
 * Puts backups of a repository under a legal hold: what is not deleted yet stays, and so does everybody who is in it, who are told so. Nothing may be
 * restored from it into a store that serves but with a replay, as from any other.
 *
 * Throws `HOLD_INVALID` for what makes no sense, and for a backup that no night has listed.
 */
export const holdBackups = async (ctx: Context, placing: Placing, range: BackupRange): Promise<PlacedOnBackups> => {
  checkPlacing(ctx, placing);
  const { name: repository, store } = repositoryOf(ctx, range.repository);
  const days = daysOf(range);
  const hold = { repository, backup: range.backup ?? null, ...days };
  const ref = holdReference(ctx.random);
  const backups = await inTransaction(ctx, async (db) => {
    await insertHold(ctx, db, placing, { ref, kind: "backups", store, ...hold });
    const { rows } = await sql<{ kept: number }>`select count(*) as kept
      from (${keptBackups(ctx.config.controller.timeZone)}) as kept where hold = ${ref}`.execute(db);
    const kept = rows[0]?.kept ?? 0;
    if (kept === 0 && hold.backup !== null) {
      throw new LetheError("HOLD_INVALID", "the repository has no such backup", {
        hint: "see `lethe backups list`; one that is new is known after the next night, or after `lethe backups purge`",
      });
    }
    await appendEntries(db, [{ kind: "hold.placed", ...placedAs(ctx, ref, placing), of: "backups", ...hold }], {
      at: ctx.clock.now(),
      run: null,
    });
    return kept;
  });
  return { ref, matter: placing.matter, backups };
};

const repositoryOf = ({ config }: Context, name: string): BackupConfig => {
  const found = config.backups.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = config.backups.map((each) => each.name);
  const near = nearest(name, names);
  throw new LetheError("HOLD_INVALID", "there is no such repository of backups", {
    hint: near === undefined ? `repositories: ${names.join(", ") || "none"}` : `did you mean ${near}?`,
  });
};
