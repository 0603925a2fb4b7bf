import type { Kysely, Selectable } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { RequestTable, StateDb } from "#db/state-schema.ts";
import type { RequestView } from "#intake/show.ts";
import { dayIn } from "#lib/clock.ts";
import type { DecidedException } from "#records/exception.ts";

type Row = Selectable<RequestTable>;

/** Who approved, when, which plan, and how many days after the answer was due. */
export const approvalOf = (
  row: Pick<Row, "approved_by" | "approved_at" | "approved_plan" | "due_on">,
  timeZone: string,
): RequestView["approved"] => {
  const { approved_by: by, approved_at: at, approved_plan: plan, due_on: due } = row;
  if (by === null || at === null) return null;
  const { days } = Temporal.PlainDate.from(due).until(dayIn(Temporal.Instant.from(at), timeZone));
  return { by, at, plan, daysLate: days > 0 ? days : null };
};

/** What is on record of a refusal beside its reason. */
export const refusalIn = (
  row: Pick<Row, "state" | "refusal_exception" | "refusal_citation" | "refusal_late">,
): RequestView["refusal"] => {
  const { state, refusal_exception: exception, refusal_citation: citation, refusal_late: late } = row;
  return state === "refused" ? { exception, citation, late } : null;
};

/** What its approval left in place, as it was decided then. */
export const exceptionsIn = async (
  db: Kysely<StateDb>,
  { exceptions: digest }: Pick<Row, "exceptions">,
): Promise<readonly DecidedException[]> => {
  if (digest === null) return [];
  const { body } = await db
    .selectFrom("lethe.exception_list")
    .select("body")
    .where("digest", "=", digest)
    .executeTakeFirstOrThrow();
  return JSON.parse(body) as readonly DecidedException[];
};
