import type { BackupConfig } from "#config.ts";
import type { Context } from "#context.ts";
import { decide, findNewestGood, newestFirst, type BackupException } from "#backups/decide.ts";
import { keptIn } from "#backups/kept.ts";
import { openRepository } from "#backups/open.ts";
import { byName, type BackupSet, type Inventory } from "#backups/repository.ts";
import { dueAt, heldSince } from "#backups/set-date.ts";
import { hasMoved } from "#backups/place.ts";
import { heldSets } from "#backups/set-records.ts";
import { isLetheError } from "#lib/errors.ts";

/** One set as it is now; `state` is what the last purge made of it, `new` when none has seen it. */
export type ListedSet = {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  /** ISO instant since which it holds data. */
  readonly taken: string;
  /** Whole days of 24 hours. */
  readonly ageDays: number;
  readonly state: "new" | "listed" | "condemned" | "held";
  /** Can be restored from; null when it was not read to find out. */
  readonly good: boolean | null;
  /** ISO date, in the controller's time zone, from which a purge takes it, unless it is the last good one or a legal hold keeps it. */
  readonly purgeOn: string;
};

export type ListedRepository = {
  readonly repository: string;
  readonly store: string;
  readonly keepDays: number;
  /** Oldest first. */
  readonly sets: readonly ListedSet[];
  readonly exceptions: readonly BackupException[];
};

/**
 * What the repositories hold at this moment; changes nothing. `check: "all"` reads every set to its end, `"newest"` only
 * until a good one is found.
 */
export const listBackups = async (ctx: Context, check: "newest" | "all"): Promise<readonly ListedRepository[]> => {
  const listed: ListedRepository[] = [];
  for (const config of ctx.config.backups) listed.push(await listRepository(ctx, config, check));
  return listed;
};

const listRepository = async (
  ctx: Context,
  config: BackupConfig,
  check: "newest" | "all",
): Promise<ListedRepository> => {
  const { name: repository, store, keepDays } = config;
  const { timeZone } = ctx.config.controller;
  const now = ctx.clock.now();
  const { inventory: look, verifyRestorable } = openRepository(config, timeZone);
  const held = await heldSets(ctx.state, repository);
  let inventory: Inventory;
  try {
    inventory = await look(byName(held));
  } catch (error) {
    if (!isLetheError(error, "BACKUPS_UNREADABLE")) throw error;
    return {
      repository,
      store,
      keepDays,
      sets: [],
      exceptions: [{ name: "*", code: "BACKUPS_UNREADABLE", breach: null }],
    };
  }
  const search = await findNewestGood(inventory.sets, verifyRestorable);
  const good = new Map<BackupSet, boolean>(search.rejected.map(({ set }) => [set, false]));
  if (search.good !== undefined) good.set(search.good, true);
  for (const set of inventory.sets) {
    if (good.has(set) || (check !== "all" && set.unfinished !== true)) continue;
    good.set(set, set.unfinished !== true && (await verifyRestorable(set)) === undefined);
  }
  const { names: kept } = await keptIn(ctx.state.db, repository, timeZone);
  const states = new Map(held.map((set) => [`${set.sha256} ${set.name}`, set.state]));
  return {
    repository,
    store,
    keepDays,
    exceptions: [
      // What is listed is what the place of now holds.
      ...((await hasMoved(ctx.state.db, config)) ? [{ name: "*", code: "BACKUP_MOVED" as const, breach: null }] : []),
      ...decide(inventory, search, { keepDays, timeZone, now }, kept).exceptions,
    ],
    sets: newestFirst(inventory.sets)
      .toReversed()
      .map((set) => ({
        name: set.name,
        sha256: set.sha256,
        bytes: set.bytes,
        taken: heldSince(set).toString(),
        ageDays: Math.floor(now.since(heldSince(set)).total("hours") / 24),
        state: kept.has(set.name) ? "held" : (states.get(`${set.sha256} ${set.name}`) ?? "new"),
        good: good.get(set) ?? null,
        purgeOn: dueAt(set, keepDays).toZonedDateTimeISO(timeZone).toPlainDate().toString(),
      })),
  };
};
