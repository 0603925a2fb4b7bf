import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { enterRequests } from "#intake/enter.ts";
import { statesOf } from "#intake/counts.ts";
import { reasonOf, type RowCode } from "#intake/rejections.ts";
import { parseFields, type Fields } from "#intake/row.ts";
import { inTransaction, lockIntake, reading } from "#intake/transaction.ts";
import { dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import { outcomeOf, type RequestState } from "#records/request.ts";

export type Added = {
  readonly ref: string;
  /** The person had an open request already: this one joined it. */
  readonly repeated: boolean;
};

/** One request from the command line. `received` defaults to today. Throws `REQUEST_INVALID` with the reason, never the value. */
export const addRequest = async (ctx: Context, fields: Fields): Promise<Added> => {
  const today = todayOf(ctx);
  const row = parseFields({ ...fields, received: fields.received ?? today.toString() }, ctx.config.controller, today);
  if (!row.ok) throw refusedFields(row.code);
  const [entered] = await inTransaction(ctx, async (db) => {
    await lockIntake(db);
    return await enterRequests(ctx, db, [row.entrant], "command");
  });
  if (entered?.outcome.kind === "rejected") throw refusedFields(entered.outcome.code);
  if (entered?.ref == null) throw new TypeError("every entrant opens or repeats a request, or is rejected");
  return { ref: entered.ref, repeated: entered.outcome.kind === "repeated" };
};

export const refusedFields = (code: RowCode): LetheError =>
  new LetheError("REQUEST_INVALID", `${reasonOf(code)} (${code})`, {
    hint: "nothing was entered; see `lethe request add --help` for the forms that are taken",
  });

export type RequestLine = {
  readonly ref: string;
  readonly state: RequestState;
  readonly received: string;
  readonly due: string;
  /** Until the due date, in the controller's time zone; negative when overdue; null when nothing is due any more. */
  readonly daysLeft: number | null;
  readonly code: string | null;
  /** When its time of grace is over; null where it has none, or it has not begun. */
  readonly scheduledFor: string | null;
};

export type RequestFilter = { readonly state?: RequestState | undefined; readonly overdue?: boolean | undefined };

const pageSize = 1_000;

/** The register without identifiers, the most urgent first, read page by page. */
export async function* listRequests(ctx: Context, { state, overdue }: RequestFilter = {}): AsyncGenerator<RequestLine> {
  const today = todayOf(ctx);
  let after = { due: "0001-01-01", id: 0 };
  for (;;) {
    const { due, id } = after;
    const page = await reading(ctx, (db) => {
      let query = db
        .selectFrom("lethe.request")
        .select(["id", "ref", "state", "received_on", "due_on", "code", "scheduled_for"])
        .where(sql<boolean>`(due_on, id) > (${due}::date, ${id}::bigint)`)
        .orderBy("due_on")
        .orderBy("id")
        .limit(pageSize);
      if (state !== undefined) query = query.where("state", "=", state);
      if (overdue === true)
        query = query.where("state", "in", statesOf("pending")).where("due_on", "<", today.toString());
      return query.execute();
    });
    for (const row of page) {
      yield {
        ref: row.ref,
        state: row.state,
        received: row.received_on,
        due: row.due_on,
        daysLeft: daysLeft(row.state, row.due_on, today),
        code: row.code,
        scheduledFor: row.scheduled_for,
      };
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = { due: last.due_on, id: last.id };
  }
}

/** Null once the request is decided: done, refused or withdrawn. */
export const daysLeft = (state: RequestState, due: string, today: Temporal.PlainDate): number | null => {
  const outcome = outcomeOf(state);
  if (outcome !== "pending" && outcome !== "failed") return null;
  return today.until(Temporal.PlainDate.from(due)).days;
};

/** Today in the controller's time zone: the day by which deadlines are told. */
export const todayOf = (ctx: Pick<Context, "clock" | "config">): Temporal.PlainDate =>
  dayIn(ctx.clock.now(), ctx.config.controller.timeZone);
