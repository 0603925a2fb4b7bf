import type { BackupConfig } from "#config.ts";
import type { Context } from "#context.ts";
import { withDependents } from "#backups/chains.ts";
import {
  decide,
  findNewestGood,
  heldBack,
  isDue,
  keptLogs,
  newestFirst,
  type BackupException,
} from "#backups/decide.ts";
import { keptIn, keptSince, type Kept } from "#backups/kept.ts";
import { openRepository } from "#backups/open.ts";
import { hasMoved, recordPlace, unconfigured } from "#backups/place.ts";
import { recordNight, type RepositoryResult } from "#backups/record-night.ts";
import { codeOf, readBack, type Removals } from "#backups/read-back.ts";
import { byName, type BackupSet, type Inventory, type Removal, type Repository } from "#backups/repository.ts";
import { condemn, knownSets, saveInventory, spare } from "#backups/set-records.ts";
import { inState } from "#backups/state-transaction.ts";
import { forEachAtOnce } from "#lib/at-once.ts";
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
  for (const { repository: name, store } of await unconfigured(ctx.state.db, ctx.config)) {
    results.push(await recordNight(ctx, run, { name, store, keepDays: 0 }, { exceptions: [forsaken] }));
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
  if (await hasMoved(ctx.state.db, config)) return recordNight(ctx, run, config, { exceptions: [moved] });
  const before = await orUnreadable(ctx, async () => repository.inventory(await knownSets(ctx.state, config.name)));
  if (before === "unreadable") return recordNight(ctx, run, config, { exceptions: [unreadable] });

  const search = await findNewestGood(before.sets, repository.verifyRestorable);
  const { kept, purge, exceptions } = await inState(ctx.state, async (tx) => {
    await saveInventory(tx, config.name, before.sets, { at: retention.now, run: run.id });
    await recordPlace(tx, config);
    const held = await keptIn(tx, config.name, timeZone);
    const decision = decide(before, search, retention, held.names);
    await condemn(tx, config.name, decision.purge, run.id);
    // What a run before deleted and could not tell any more, no hold brings back.
    await spare(
      tx,
      config.name,
      [...held.names].filter((name) => before.names.has(name)),
    );
    return { kept: held, ...decision };
  });

  const { removals, held } = await removeSets(ctx, config, repository, { sets: purge, kept });
  const overdue = before.sets.filter(
    (set) => isDue(set, retention) && held.has(set.name) && removals.get(set) === undefined,
  );
  const onlyHeld = new Set(overdue.map((set) => set.name));
  const finished = (await repository.finish?.({ now: retention.now, onlyHeld })) ?? true;
  faultPoint("after-backups-finished");
  const after = await orUnreadable(ctx, () => repository.inventory(byName(before.sets)));
  if (after === "unreadable") return recordNight(ctx, run, config, { exceptions: [...exceptions, unreadable] });

  const {
    gone,
    absent,
    exceptions: unproven,
  } = await readBack(ctx, config, repository, { removals, after, retention });
  return recordNight(ctx, run, config, {
    exceptions: [
      ...exceptions,
      ...overdue.map(heldBack),
      ...unproven,
      ...keptLogs(after.logs, retention, overdue),
      ...(finished === true ? [] : [{ name: "*", code: codeOf(finished), breach: null }]),
    ],
    held,
    seen: { before, after, gone, absent, good: search.good, finished: finished === true },
  });
};

const moved: BackupException = { name: "*", code: "BACKUP_MOVED", breach: null };
const forsaken: BackupException = { name: "*", code: "BACKUP_UNCONFIGURED", breach: null };
const unreadable: BackupException = { name: "*", code: "BACKUPS_UNREADABLE", breach: null };

const orUnreadable = async ({ log }: Context, look: () => Promise<Inventory>): Promise<Inventory | "unreadable"> => {
  try {
    return await look();
  } catch (error) {
    if (!isLetheError(error, "BACKUPS_UNREADABLE")) throw error;
    log.warn({ code: error.code, hint: error.hint }, error.message);
    return "unreadable";
  }
};

type Removed = {
  readonly removals: Removals;
  /** What legal holds keep by now. */
  readonly held: ReadonlySet<string>;
};

const removeSets = async (
  ctx: Context,
  { name }: BackupConfig,
  repository: Repository,
  due: { readonly sets: readonly BackupSet[]; readonly kept: Kept },
): Promise<Removed> => {
  const { timeZone } = ctx.config.controller;
  const { sets } = due;
  // Oldest first: if we are stopped in between, what is longest overdue is gone. But before each what needs it: no set may be left that is broken.
  const order = withDependents(sets, newestFirst(sets).toReversed());
  // Told in this order, whichever is answered first.
  const removals = new Map([...order].map((set): [BackupSet, Removal | undefined] => [set, undefined]));
  let { kept } = due;
  let done = 0;
  await forEachAtOnce(order, atOnceIn(repository, sets), async (set) => {
    if (ctx.signal.aborted) return;
    kept = await keptSince(ctx.state.db, name, timeZone, kept);
    if (kept.names.has(set.name)) return;
    faultPoint("before-backup-unlink");
    removals.set(set, await repository.remove(set).catch(unanswered));
    faultPoint("after-backup-unlink");
    done += 1;
    ctx.progress.advance(done, sets.length, "backups");
  });
  return { removals, held: kept.names };
};

/** A storage that does not answer has refused, and stops no other. */
const unanswered = (error: unknown): Removal => {
  if (isLetheError(error, "BACKUPS_UNREADABLE")) return "refused";
  throw error;
};

/** Of sets that need each other, one has to be gone before the next is touched. */
const atOnceIn = ({ atOnce = 1 }: Repository, sets: readonly BackupSet[]): number =>
  sets.some(({ needs }) => needs.length > 0) ? 1 : atOnce;
