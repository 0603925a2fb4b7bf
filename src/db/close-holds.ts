import { sql, type Kysely } from "kysely";
import type { Temporal } from "temporal-polyfill";
import type { StateDb } from "#db/state-schema.ts";
import type { LedgerEvent } from "#records/entry.ts";

/** Which of the holds in force: by number, or those on requests. */
export type Which = { readonly ids: readonly number[] } | { readonly requests: readonly number[] };

export type ClosedHold = { readonly id: number; readonly ref: string; readonly matter: string };

/**
 * Ends holds that are in force, and forgets whom they mean (I8). `by` is null where one ends by itself. Belongs into the transaction that says so in
 * the ledger, after which its dead rows have to be removed.
 */
export const closeHolds = async (
  db: Kysely<StateDb>,
  which: Which,
  { by, at }: { readonly by: string | null; readonly at: Temporal.Instant },
): Promise<readonly ClosedHold[]> => {
  const these =
    "ids" in which
      ? sql`id = any (${[...which.ids]}::bigint[])`
      : sql`request_id = any (${[...which.requests]}::bigint[])`;
  const { rows } = await sql<ClosedHold>`update lethe.hold set released_at = ${at.toString()}, released_by = ${by}
    where released_at is null and ${these} returning id, ref, matter`.execute(db);
  const ids = rows.map(({ id }) => id);
  await sql`delete from lethe.hold_identifier where hold_id = any (${ids}::bigint[])`.execute(db);
  await sql`delete from lethe.hold_subject where hold_id = any (${ids}::bigint[])`.execute(db);
  return rows.toSorted((a, b) => a.id - b.id);
};

/** `by`: as the ledger names people. */
export const releasedEvents = (closed: readonly ClosedHold[], by: string | null): readonly LedgerEvent[] =>
  closed.map(({ ref, matter }) => ({ kind: "hold.released", hold: ref, matter, by }));
