import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { reading } from "#intake/transaction.ts";
import type { TaskState } from "#records/task.ts";

/** What a recipient has to do about one record. */
export type TaskLine = {
  readonly id: number;
  /** The request's reference. */
  readonly request: string;
  readonly store: string;
  readonly recipient: string;
  readonly task: string;
  readonly state: TaskState;
  readonly recorded: string;
  readonly settled: string | null;
  /** Whole days since it was recorded, of an open one. */
  readonly age: number | null;
  /** By what the recipient knows the record; null once the task is settled. For the program that delivers it, and for nothing else. */
  readonly reference: string | null;
};

const pageSize = 1_000;

/** The tasks in a state, or all, the oldest first, read page by page. */
export async function* listTasks(ctx: Context, state: TaskState | undefined): AsyncGenerator<TaskLine> {
  const now = ctx.clock.now();
  const wanted = state === undefined ? sql`true` : sql`task.state = ${state}`;
  for (let after = 0; ;) {
    const { rows } = await reading(ctx, (db) =>
      sql<Omit<TaskLine, "age">>`
        select task.id, request.ref as request, store, recipient, task, task.state, recorded_at as recorded,
          settled_at as settled, reference
        from lethe.task join lethe.request on request.id = task.request_id
        where task.id > ${after} and ${wanted} order by task.id limit ${pageSize}`.execute(db),
    );
    for (const row of rows) yield { ...row, age: row.state === "open" ? daysBetween(row.recorded, now) : null };
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return;
    after = last.id;
  }
}

const daysBetween = (recorded: string, now: Temporal.Instant): number =>
  Math.max(0, Math.floor(Temporal.Instant.from(recorded).until(now).total("hours") / 24));
