import type { Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { LetheError } from "#lib/errors.ts";
import { passingCodes } from "#records/request.ts";

/** More are planned in batches by the night; a person reads no more than this at once. */
const most = 10_000;

/**
 * The named requests, or all whose subjects still await something.
 *
 * @throws LetheError `REQUEST_UNKNOWN` for a reference that nobody has.
 */
export const requestsToPlan = async (
  db: Kysely<StateDb>,
  refs: readonly string[],
): Promise<readonly { readonly id: number; readonly ref: string }[]> => {
  const all = db.selectFrom("lethe.request").select(["id", "ref"]).orderBy("due_on").orderBy("id").limit(most);
  if (refs.length === 0) {
    return all
      .where("state", "in", ["received", "verified", "approved", "scheduled", "blocked", "held", "failed"])
      .execute();
  }
  const found = await all.where("ref", "in", refs).execute();
  const known = new Set(found.map(({ ref }) => ref));
  const unknown = refs.filter((ref) => !known.has(ref)).length;
  if (unknown > 0) {
    throw new LetheError(
      "REQUEST_UNKNOWN",
      unknown === 1 ? "one of the requests is not known" : `${unknown} of the requests are not known`,
      {
        hint: "`lethe request list` shows the references",
      },
    );
  }
  return found;
};

/** The requests that the nights are to execute: approved, in their time of grace, or waiting for something that the next night tries again, such as company. */
export const dueRequests = (
  db: Kysely<StateDb>,
): Promise<readonly { readonly id: number; readonly ref: string; readonly due_on: string }[]> =>
  db
    .selectFrom("lethe.request")
    .select(["id", "ref", "due_on"])
    .where((where) =>
      where.or([
        where("state", "in", ["approved", "scheduled"]),
        where.and([where("state", "=", "failed"), where("code", "in", passingCodes)]),
      ]),
    )
    .orderBy("due_on")
    .orderBy("id")
    .limit(most)
    .execute();
