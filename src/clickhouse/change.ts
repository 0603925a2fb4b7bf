import { moveStaged } from "#clickhouse/move.ts";
import type { BatchProgress } from "#clickhouse/progress.ts";
import { removeRows } from "#clickhouse/remove.ts";
import { ofBatch, type ColumnBatch } from "#clickhouse/scope.ts";
import { stepsOf } from "#clickhouse/steps.ts";
import { columnsTaken, wereTaken } from "#clickhouse/taken.ts";
import type { Context } from "#context.ts";
import { faultPoint } from "#lib/fault.ts";

/**
 * Carries out what was prepared, from wherever a run that died has left it. Rows that somebody has written about a person since are not among
 * those that were taken down: where rows stay they stay as they are, and verification finds them.
 */
export const changeStore = async (ctx: Context, batch: ColumnBatch, progress: BatchProgress): Promise<void> => {
  // What stays comes first, soon after it was looked at: a row that is written meanwhile and says the same would go, and one that is deleted come back.
  const steps = stepsOf(batch).toSorted(
    (a, b) => Number(b.step.kind === "anonymise") - Number(a.step.kind === "anonymise"),
  );
  for (const { step, place } of steps) {
    if (step.kind !== "erase" && step.kind !== "anonymise") continue;
    if (progress.of(place).removed === undefined) {
      const where =
        step.kind === "erase"
          ? ofBatch(batch, step.table)
          : wereTaken(batch, place, step.table, await columnsTaken(batch, place, step.table));
      await progress.note(place, { removing: true });
      await removeRows(ctx, batch, step.table, where);
      // From here on the table may hold rows that look the same, and are those that were put back.
      await progress.note(place, { removed: true });
    }
    faultPoint("after-columns-removed");
    if (step.kind === "anonymise") {
      await columnsTaken(batch, place, step.table);
      await moveStaged(batch, progress, place, step.table);
    }
    faultPoint("after-columns-moved");
  }
};
