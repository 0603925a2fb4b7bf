import { Temporal } from "temporal-polyfill";
import type { BackupConfig } from "#config.ts";
import type { Context } from "#context.ts";
import type { BackupException } from "#backups/decide.ts";
import { departures, isMissingFrom, noDepartures } from "#backups/departures.ts";
import type { BackupSet, Inventory, LogArchive } from "#backups/repository.ts";
import { dueAt, heldSince } from "#backups/set-date.ts";
import { forgetEnded, heldSets, recordGone, saveInventory, saveLogs } from "#backups/set-records.ts";
import { inState } from "#backups/state-transaction.ts";
import { digestOfList } from "#lib/canonical.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";

/** What a night found and left in one repository; `oldest` is the ISO instant that its oldest set goes back to. */
export type RepositoryResult = {
  readonly repository: string;
  readonly store: string;
  readonly purged: number;
  readonly kept: number;
  readonly oldest: string | null;
  readonly exceptions: readonly BackupException[];
};

export type Night = {
  readonly exceptions: readonly BackupException[];
  /** Names of the sets that a legal hold keeps: whoever removes one takes evidence away, however old it is. */
  readonly held?: ReadonlySet<string>;
  /** Undefined when the repository could not be listed to the end: then nothing is claimed of it. */
  readonly seen?: {
    readonly before: Inventory;
    readonly after: Inventory;
    /** Deleted by us and not found again. */
    readonly gone: ReadonlySet<BackupSet>;
    /** Names on record that are not in the second listing and were asked for in vain. */
    readonly absent: ReadonlySet<string>;
    /** Read to its end before anything was deleted, and never deleted itself. */
    readonly good: BackupSet | undefined;
    /** False: the storage may still hold what is no longer listed, so that nothing counts as gone tonight. */
    readonly finished: boolean;
  };
};

/** Writes what was read back into state and ledger, in one transaction: what is claimed here was observed (I12). */
export const recordNight = (
  ctx: Context,
  run: Run,
  config: Pick<BackupConfig, "name" | "store" | "keepDays">,
  night: Night,
): Promise<RepositoryResult> =>
  inState(ctx.state, async (tx) => {
    const meta = { at: ctx.clock.now(), run: run.id };
    const { seen } = night;
    const after = seen?.after.sets ?? [];
    // The others were written before anything was deleted.
    const written = new Set(seen?.before.sets);
    await saveInventory(
      tx,
      config.name,
      after.filter((set) => !written.has(set)),
      meta,
    );
    if (seen !== undefined) await saveLogs(tx, config.name, seen.after.logs);
    const left =
      seen === undefined || !seen.finished
        ? noDepartures
        : departures(await heldSets({ db: tx }, config.name, hasLeft(seen)), seen.before, seen.after, seen.gone);
    const purged = await recordGone(tx, config.name, left.purged, { ...meta, as: "purged" });
    await recordGone(tx, config.name, left.vanished, { ...meta, as: "vanished" });
    await forgetEnded(tx, config.name, left.ended);
    // A file that is replaced every night, or that somebody purged when it was due, is nobody's loss.
    const missed = left.vanished.filter(
      (set) =>
        seen?.after.names.has(set.name) !== true &&
        (night.held?.has(set.name) === true || Temporal.Instant.compare(dueAt(set, config.keepDays), meta.at) >= 0),
    );
    const exceptions = [
      ...night.exceptions,
      ...missed.map(({ name }): BackupException => ({ name, code: "BACKUP_VANISHED", breach: null })),
    ];
    const events: readonly LedgerEvent[] = [
      ...purged.map(({ name, sha256, bytes, taken_at }) => ({
        kind: "backup.purged" as const,
        repository: config.name,
        name,
        sha256,
        bytes,
        taken: Temporal.Instant.from(taken_at).toString(),
      })),
      ...exceptions.map((exception) => ({
        kind: "backup.exception" as const,
        repository: config.name,
        ...exception,
      })),
      ...(seen === undefined ? [] : [inventoryEvent(config.name, seen.after, seen.good)]),
    ];
    await appendEntries(tx, events, meta);
    return {
      repository: config.name,
      store: config.store,
      purged: purged.length,
      kept: after.length,
      oldest: oldestOf(after),
      exceptions,
    };
  });

/** Whether a set is nowhere any more, or only other bytes lie under its name. */
const hasLeft = ({
  after,
  absent,
}: Pick<NonNullable<Night["seen"]>, "after" | "absent">): ReturnType<typeof isMissingFrom> => {
  const isMissing = isMissingFrom(after);
  return (set) => isMissing(set) && (absent.has(set.name) || after.names.has(set.name));
};

/** `digest`: SHA-256 over the canonical JSON of `[{name, sha256, bytes}]` sorted by name, as listed after the purge. */
const inventoryEvent = (repository: string, { sets, logs }: Inventory, good: BackupSet | undefined): LedgerEvent => ({
  kind: "backup.inventory",
  repository,
  digest: digestOfList(
    sets.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, sha256, bytes }) => ({ name, sha256, bytes })),
  ),
  sets: sets.length,
  bytes: sets.reduce((sum, set) => sum + set.bytes, 0),
  oldest: oldestOf(sets),
  log: spanOf(logs),
  verified: good === undefined ? null : { name: good.name, sha256: good.sha256 },
});

const oldestOf = ([first, ...others]: readonly BackupSet[]): string | null => {
  if (first === undefined) return null;
  return others
    .map(heldSince)
    .reduce((a, b) => (Temporal.Instant.compare(a, b) <= 0 ? a : b), heldSince(first))
    .toString();
};

const spanOf = (logs: readonly LogArchive[]): { readonly since: string; readonly until: string } | null => {
  const [first, ...others] = logs;
  if (first === undefined) return null;
  const { since, until } = others.reduce<Pick<LogArchive, "since" | "until">>(
    (span, log) => ({
      since: Temporal.Instant.compare(log.since, span.since) < 0 ? log.since : span.since,
      until: Temporal.Instant.compare(log.until, span.until) > 0 ? log.until : span.until,
    }),
    first,
  );
  return { since: since.toString(), until: until.toString() };
};
