import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { decide, findNewestGood, keptLogs, type BackupException } from "#backups/decide.ts";
import { openRepository } from "#backups/open.ts";
import type { BackupFinding, Inventory } from "#backups/repository.ts";
import { heldSince } from "#backups/set-date.ts";
import { heldSets } from "#backups/set-records.ts";
import { isLetheError } from "#lib/errors.ts";
import { backupTodo } from "#records/backup-hints.ts";

export type CheckedRepository = {
  readonly repository: string;
  readonly store: string;
  readonly keepDays: number;
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
    const { inventory, verifyRestorable, check } = openRepository(config, timeZone);
    try {
      const found = await inventory(await heldSets(ctx.state, repository));
      const search = await findNewestGood(found.sets, verifyRestorable);
      const retention = { keepDays, timeZone, now: ctx.clock.now() };
      const exceptions = [...decide(found, search, retention).exceptions, ...keptLogs(found.logs, retention)];
      checked.push({
        repository,
        store,
        keepDays,
        window: search.good === undefined ? null : windowOf(found),
        findings: [...exceptions.map(findingOf), ...((await check?.()) ?? [])],
      });
    } catch (error) {
      if (!isLetheError(error, "BACKUPS_UNREADABLE")) throw error;
      const { code, message, hint } = error;
      checked.push({ repository, store, keepDays, window: null, findings: [{ code, message, hint }] });
    }
  }
  return checked;
};

/** By the sets, and by the log that leads on from them. */
const windowOf = ({ sets, logs }: Inventory): CheckedRepository["window"] => {
  const inOrder = (instants: readonly Temporal.Instant[]) =>
    instants.toSorted((a, b) => Temporal.Instant.compare(a, b));
  const oldest = inOrder(sets.map(heldSince))[0];
  const newest = inOrder([...sets.map(({ modified }) => modified), ...logs.map(({ until }) => until)]).at(-1);
  return oldest === undefined || newest === undefined ? null : { oldest: oldest.toString(), newest: newest.toString() };
};

const findingOf = ({ name, code, breach }: BackupException): BackupFinding => {
  const what = name === "*" ? "the repository" : name;
  return {
    code,
    message: breach === null ? what : `${what}, which breaks the retention from ${breach}`,
    hint: backupTodo(code),
  };
};
