import type { Context } from "#context.ts";
import { inState } from "#backups/state-transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";

/** What came of restoring one backup to try it. */
export type Drilled = {
  readonly repository: string;
  readonly store: string;
  /** Null where there was no good one. */
  readonly backup: { readonly name: string; readonly sha256: string } | null;
  /** How long it took until the server answered; null where it never did. */
  readonly restoredMs: number | null;
  readonly replayedMs: number | null;
  /** `clean`: it may serve; `waiting`: some of those who came back wait for a person; `failed`: see `code`. */
  readonly outcome: "clean" | "waiting" | "failed";
  readonly code: string | null;
  /** How many people were erased in it again, and how many wait. */
  readonly repeated: number;
  readonly waiting: number;
};

/** Puts a drill on record, and into the ledger: times in whole seconds. */
export const recordDrill = (
  ctx: Context,
  run: Run,
  { backup, restoredMs, replayedMs, ...drilled }: Drilled,
): Promise<void> =>
  inState(ctx.state, async (tx) => {
    const at = ctx.clock.now();
    const [restored, replayed] = [secondsOf(restoredMs), secondsOf(replayedMs)];
    await tx
      .insertInto("lethe.drill")
      .values({
        ...drilled,
        run_id: run.id,
        name: backup?.name ?? null,
        sha256: backup?.sha256 ?? null,
        restored_s: restored,
        replayed_s: replayed,
        drilled_at: at.toString(),
      })
      .execute();
    const event: LedgerEvent = { kind: "backup.drilled", ...drilled, backup, seconds: { restored, replayed } };
    await appendEntries(tx, [event], { at, run: run.id });
  });

const secondsOf = (milliseconds: number | null): number | null =>
  milliseconds === null ? null : Math.ceil(milliseconds / 1000);
