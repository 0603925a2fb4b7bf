import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { decide, findNewestGood, isDue, keptLogs, type BackupException, type GoodSearch } from "#backups/decide.ts";
import { keptIn } from "#backups/kept.ts";
import { openRepository } from "#backups/open.ts";
import type { BackupFinding, BackupSet, Inventory } from "#backups/repository.ts";
import { hasMoved, unconfigured } from "#backups/place.ts";
import { sameServerFindings } from "#backups/same-server.ts";
import { knownSets } from "#backups/set-records.ts";
import { isLetheError } from "#lib/errors.ts";
import { backupTodo } from "#records/backup-hints.ts";

export type CheckedRepository = {
  readonly repository: string;
  readonly store: string;
  /** Null of one that the configuration names no more. */
  readonly keepDays: number | null;
  /** ISO instants: from when to when a restore can go back to; null where nothing can be restored, or nothing is known. */
  readonly window: { readonly oldest: string; readonly newest: string } | null;
  readonly findings: readonly BackupFinding[];
};

/**
 * Whether the repositories can meet what subjects are promised, before a night has to find out: what is wrong with them now, and what their own
 * configuration will not allow. Changes nothing.
 */
export const checkBackups = async (ctx: Context): Promise<readonly CheckedRepository[]> => {
  const { timeZone } = ctx.config.controller;
  const checked: CheckedRepository[] = [];
  for (const config of ctx.config.backups) {
    const { name: repository, store, keepDays } = config;
    if (await hasMoved(ctx.state.db, config)) {
      const findings = [findingOf({ name: "*", code: "BACKUP_MOVED", breach: null })];
      checked.push({ repository, store, keepDays, window: null, findings });
      continue;
    }
    const besides = await sameServerFindings(ctx, config);
    const { inventory, verifyRestorable, check } = openRepository(config, timeZone);
    try {
      const found = await inventory(await knownSets(ctx.state, repository));
      const search = await findNewestGood(found.sets, verifyRestorable);
      const retention = { keepDays, timeZone, now: ctx.clock.now() };
      const kept = await keptIn(ctx.state.db, repository, timeZone);
      const held = found.sets.filter((set) => isDue(set, retention) && kept.names.has(set.name));
      const exceptions = [
        ...decide(found, search, retention, kept.names).exceptions,
        ...keptLogs(found.logs, retention, held),
      ];
      checked.push({
        repository,
        store,
        keepDays,
        window: await windowOf(found, search, verifyRestorable),
        findings: [...exceptions.map(findingOf), ...((await check?.()) ?? []), ...besides],
      });
    } catch (error) {
      if (!isLetheError(error, "BACKUPS_UNREADABLE")) throw error;
      const { code, message, hint } = error;
      checked.push({ repository, store, keepDays, window: null, findings: [{ code, message, hint }, ...besides] });
    }
  }
  for (const { repository, store } of await unconfigured(ctx.state.db, ctx.config)) {
    const findings = [findingOf({ name: "*", code: "BACKUP_UNCONFIGURED", breach: null })];
    checked.push({ repository, store, keepDays: null, window: null, findings });
  }
  return checked;
};

/** From the oldest set that is good to the newest, and as far as the log leads on from there. */
const windowOf = async (
  { sets, logs }: Inventory,
  { good }: GoodSearch,
  verify: (set: BackupSet) => Promise<unknown>,
): Promise<CheckedRepository["window"]> => {
  if (good === undefined) return null;
  let oldest = good;
  for (const set of sets.toSorted((a, b) => Temporal.Instant.compare(a.restores, b.restores))) {
    if ((await verify(set)) !== undefined) continue;
    oldest = set;
    break;
  }
  const newest = [good.restores, ...logs.map(({ until }) => until)].reduce((a, b) =>
    Temporal.Instant.compare(a, b) >= 0 ? a : b,
  );
  return { oldest: oldest.restores.toString(), newest: newest.toString() };
};

const findingOf = ({ name, code, breach }: BackupException): BackupFinding => {
  const what = name === "*" ? "the repository" : name;
  return {
    code,
    message: breach === null ? what : `${what}, which breaks the retention from ${breach}`,
    hint: backupTodo(code),
  };
};
