import type { BackupConfig } from "#config.ts";
import type { Context } from "#context.ts";
import { withDependents } from "#backups/chains.ts";
import { decide, exceptionOf, findNewestGood, keptLogs, newestFirst, type BackupException } from "#backups/decide.ts";
import { openRepository } from "#backups/open.ts";
import { recordNight, type RepositoryResult } from "#backups/record-night.ts";
import type { BackupSet, Inventory, Removal, Repository } from "#backups/repository.ts";
import { condemn, heldSets, saveInventory } from "#backups/set-records.ts";
import { inState } from "#backups/state-transaction.ts";
import { isLetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Run } from "#records/run.ts";

/**
 * Deletes the backups that are past their retention, repository by repository, and records each as purged only after the
 * storage said that it is gone (B6–B8, I11, I12). What is wrong with a file or a repository becomes an exception in the
 * ledger and stops nothing else; a lost state database or a ledger that refuses stops the run.
 *
 * A crash leaves `condemned` sets behind, which the next run finishes: the ledger gets all entries of a repository in one
 * transaction at its end, so that nothing is told twice.
 */
export const purgeBackups = async (ctx: Context, run: Run): Promise<readonly RepositoryResult[]> => {
  const results: RepositoryResult[] = [];
  for (const config of ctx.config.backups) {
    results.push(await purgeRepository(ctx, run, config, openRepository(config, ctx.config.controller.timeZone)));
  }
  faultPoint("after-backups-recorded");
  return results;
};

/** As `purgeBackups`, for one repository of any kind. */
export const purgeRepository = async (
  ctx: Context,
  run: Run,
  config: BackupConfig,
  repository: Repository,
): Promise<RepositoryResult> => {
  const retention = { keepDays: config.keepDays, timeZone: ctx.config.controller.timeZone, now: ctx.clock.now() };
  const before = await orUnreadable(async () => repository.inventory(await heldSets(ctx.state, config.name)));
  if (before === "unreadable") return recordNight(ctx, run, config, { exceptions: [unreadable] });

  const search = await findNewestGood(before.sets, repository.verifyRestorable);
  const { purge, exceptions } = decide(before, search, retention);
  await inState(ctx.state, async (tx) => {
    await saveInventory(tx, config.name, before.sets, { at: retention.now, run: run.id });
    await condemn(tx, config.name, purge, run.id);
  });

  const removals = await removeSets(ctx, repository, purge);
  const finished = (await repository.finish?.()) ?? true;
  faultPoint("after-backups-finished");
  const after = await orUnreadable(() => repository.inventory(before.sets.map((set) => ({ ...set, rehash: false }))));
  if (after === "unreadable") return recordNight(ctx, run, config, { exceptions: [...exceptions, unreadable] });

  const { gone, undeleted } = await readBack(repository, removals, after);
  return recordNight(ctx, run, config, {
    exceptions: [
      ...exceptions,
      ...undeleted.map((set) => exceptionOf(set, "BACKUP_NOT_DELETED", retention)),
      ...keptLogs(after.logs, retention),
      ...(finished ? [] : [{ name: "*", code: "BACKUP_NOT_DELETED" as const, breach: null }]),
    ],
    seen: { before, after, gone, good: search.good, finished },
  });
};

const unreadable: BackupException = { name: "*", code: "BACKUPS_UNREADABLE", breach: null };

const orUnreadable = async (look: () => Promise<Inventory>): Promise<Inventory | "unreadable"> => {
  try {
    return await look();
  } catch (error) {
    if (isLetheError(error, "BACKUPS_UNREADABLE")) return "unreadable";
    throw error;
  }
};

const removeSets = async (
  ctx: Context,
  repository: Repository,
  sets: readonly BackupSet[],
): Promise<ReadonlyMap<BackupSet, Removal>> => {
  const removals = new Map<BackupSet, Removal>();
  // Oldest first: if we are stopped in between, what is longest overdue is gone. But before each what needs it: no set may be left that is broken.
  for (const set of withDependents(sets, newestFirst(sets).toReversed())) {
    if (ctx.signal.aborted) break;
    faultPoint("before-backup-unlink");
    removals.set(set, await repository.remove(set));
    faultPoint("after-backup-unlink");
    ctx.progress.advance(removals.size, sets.length, "backups");
  }
  return removals;
};

/** The second look: a set counts as deleted when neither the new listing nor a question for it by name finds it. */
const readBack = async (
  repository: Repository,
  removals: ReadonlyMap<BackupSet, Removal>,
  after: Inventory,
): Promise<{ gone: ReadonlySet<BackupSet>; undeleted: readonly BackupSet[] }> => {
  const gone = new Set<BackupSet>();
  const undeleted: BackupSet[] = [];
  for (const [set, removal] of removals) {
    if (removal === "refused") undeleted.push(set);
    if (removal !== "removed") continue;
    if (after.names.has(set.name) || (await repository.present(set))) undeleted.push(set);
    else gone.add(set);
  }
  return { gone, undeleted };
};
