import { sql, type Kysely } from "kysely";
import type { Temporal } from "temporal-polyfill";
import type { StateDb } from "#db/state-schema.ts";
import {
  outcomeOf,
  requestStates,
  type RequestCounts,
  type RequestOutcome,
  type RequestState,
} from "#records/request.ts";

/**
 * The register's counts in one statement, hence of one moment: received = done + refused + withdrawn + pending + failed
 * (A11, I9). `blocked` and `overdue` are part of `pending`; overdue is what was due before `today`, a day of the
 * controller's time zone.
 */
export const requestCounts = async (db: Kysely<StateDb>, today: Temporal.PlainDate): Promise<RequestCounts> => {
  const { rows } = await sql<RequestCounts>`
    select count(*) as received,
      count(*) filter (where state = any(${statesOf("done")})) as done,
      count(*) filter (where state = any(${statesOf("refused")})) as refused,
      count(*) filter (where state = any(${statesOf("withdrawn")})) as withdrawn,
      count(*) filter (where state = any(${statesOf("pending")})) as pending,
      count(*) filter (where state = any(${statesOf("failed")})) as failed,
      count(*) filter (where state = 'blocked') as blocked,
      count(*) filter (where state = any(${statesOf("pending")}) and due_on < ${today.toString()}::date) as overdue
    from lethe.request`.execute(db);
  const [counts] = rows;
  if (counts === undefined) throw new TypeError("an aggregate without GROUP BY returns one row");
  return counts;
};

export const statesOf = (outcome: RequestOutcome): RequestState[] =>
  requestStates.filter((state) => outcomeOf(state) === outcome);
