import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import type { StateDb } from "#db/state-schema.ts";
import { decider } from "#intake/decision.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { SettledState, TaskState } from "#records/task.ts";

export type Settlement = { readonly state: SettledState; readonly by: string };
export type Settled = { readonly id: number; readonly request: string; readonly state: SettledState };

type Locked = { id: number; request: string; recipient: string; task: string; state: TaskState };

/**
 * Records what somebody says of tasks: all of them or, when one is unknown or settled already, none. By which name the recipient knew
 * the record is forgotten (I8). A request of which no task is open can become `completed`.
 *
 * @throws LetheError `TASK_UNKNOWN`, `TASK_STATE`.
 */
export const settleTasks = async (
  ctx: Context,
  numbers: readonly string[],
  { state, by }: Settlement,
): Promise<readonly Settled[]> => {
  const ids = [...new Set(numbers.map(parseNumber))];
  const settled = await inTransaction(ctx, async (db) => {
    const tasks = await lockTasks(db, ids);
    const at = ctx.clock.now();
    await sql`update lethe.task set state = ${state}, settled_at = ${at.toString()}, reference = null
      where id = any (${ids}::bigint[])`.execute(db);
    const who = decider(ctx, by);
    const events = tasks.map(({ request, recipient, task }): LedgerEvent => ({
      kind: "task.settled",
      request,
      recipient,
      task,
      state,
      by: who,
    }));
    await appendEntries(db, events, { at, run: null });
    return tasks.map(({ id, request }) => ({ id, request, state }));
  });
  await removeDeadRows(ctx);
  return settled;
};

const lockTasks = async (db: Kysely<StateDb>, ids: readonly number[]): Promise<readonly Locked[]> => {
  const { rows } = await sql<Locked>`
    select task.id, request.ref as request, recipient, task, task.state
    from lethe.task join lethe.request on request.id = task.request_id
    where task.id = any (${[...ids]}::bigint[]) order by task.id for update of task`.execute(db);
  const found = new Set(rows.map(({ id }) => id));
  const missing = ids.find((id) => !found.has(id));
  if (missing !== undefined) throw unknownTask(`there is no task ${missing}`);
  const settled = rows.find(({ state }) => state !== "open");
  if (settled === undefined) return rows;
  throw new LetheError("TASK_STATE", `task ${settled.id} is ${settled.state} already: nothing was settled`, {
    hint: "leave it out; `lethe task list` shows what is open",
  });
};

// Not quoted when it is wrong: people paste references here.
const parseNumber = (text: string): number => {
  const number = /^[1-9]\d{0,14}$/.test(text.trim()) ? Number(text) : undefined;
  if (number === undefined) throw unknownTask("that is no number of a task");
  return number;
};

const unknownTask = (message: string): LetheError =>
  new LetheError("TASK_UNKNOWN", message, { hint: "see `lethe task list` for the numbers of tasks" });
