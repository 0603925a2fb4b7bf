import type { BackupConfig } from "#config.ts";
import type { Context } from "#context.ts";
import { withDependents } from "#backups/chains.ts";
import {
  decide,
  exceptionOf,
  findNewestGood,
  heldBack,
  isDue,
  keptLogs,
  newestFirst,
  type BackupException,
} from "#backups/decide.ts";
import { keptIn, keptSince, type Kept } from "#backups/kept.ts";
import { openRepository } from "#backups/open.ts";
import { recordNight, type RepositoryResult } from "#backups/record-night.ts";
import type { BackupSet, Inventory, Removal, Repository } from "#backups/repository.ts";
import { condemn, heldSets, saveInventory, spare } from "#backups/set-records.ts";
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
  const { timeZone } = ctx.config.controller;
  const retention = { keepDays: config.keepDays, timeZone, now: ctx.clock.now() };
  const before = await orUnreadable(async () => repository.inventory(await heldSets(ctx.state, config.name)));
  if (before === "unreadable") return recordNight(ctx, run, config, { exceptions: [unreadable] });

  const search = await findNewestGood(before.sets, repository.verifyRestorable);
  const { kept, purge, exceptions } = await inState(ctx.state, async (tx) => {
    await saveInventory(tx, config.name, before.sets, { at: retention.now, run: run.id });
    const held = await keptIn(tx, config.name, timeZone);
    const decision = decide(before, search, retention, held.names);
    await condemn(tx, config.name, decision.purge, run.id);
    await spare(tx, config.name, [...held.names]);
    return { kept: held, ...decision };
  });

  const { removals, held } = await removeSets(ctx, config, repository, { sets: purge, kept });
  const overdue = before.sets.filter((set) => isDue(set, retention) && held.has(set.name) && !removals.has(set));
  const finished = (await repository.finish?.(new Set(overdue.map((set) => set.name)))) ?? true;
  faultPoint("after-backups-finished");
  const after = await orUnreadable(() => repository.inventory(before.sets.map((set) => ({ ...set, rehash: false }))));
  if (after === "unreadable") return recordNight(ctx, run, config, { exceptions: [...exceptions, unreadable] });

  const { gone, undeleted } = await readBack(repository, removals, after);
  return recordNight(ctx, run, config, {
    exceptions: [
      ...exceptions,
      ...overdue.map(heldBack),
      ...undeleted.map((set) => exceptionOf(set, "BACKUP_NOT_DELETED", retention)),
      ...keptLogs(after.logs, retention, overdue),
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

type Removals = {
  readonly removals: ReadonlyMap<BackupSet, Removal>;
  /** What legal holds keep by now: one may have come meanwhile. */
  readonly held: ReadonlySet<string>;
};

const removeSets = async (
  ctx: Context,
  { name }: BackupConfig,
  repository: Repository,
  due: { readonly sets: readonly BackupSet[]; readonly kept: Kept },
): Promise<Removals> => {
  const { timeZone } = ctx.config.controller;
  const removals = new Map<BackupSet, Removal>();
  let { kept } = due;
  // Oldest first: if we are stopped in between, what is longest overdue is gone. But before each what needs it: no set may be left that is broken.
  for (const set of withDependents(due.sets, newestFirst(due.sets).toReversed())) {
    if (ctx.signal.aborted) break;
    kept = await keptSince(ctx.state.db, name, timeZone, kept);
    if (kept.names.has(set.name)) continue;
    faultPoint("before-backup-unlink");
    removals.set(set, await repository.remove(set));
    faultPoint("after-backup-unlink");
    ctx.progress.advance(removals.size, due.sets.length, "backups");
  }
  return { removals, held: kept.names };
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
