import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { forgetArchived } from "#db/forget-archived.ts";
import type { StateDb } from "#db/state-schema.ts";
import { due } from "#execute/claims.ts";
import type { PlannedDeletion, SavedMark, Shape } from "#records/plan.ts";

/** What a batch did to the root rows of its subjects. */
export type Treated = {
  readonly store: string;
  readonly batch: string;
  readonly stage: Shape["stage"];
  readonly mode: PlannedDeletion["mode"];
  readonly mark: SavedMark;
};

/**
 * Other requests may mean the same rows: what a batch made of them is nobody's activation, and what is gone for good is waited for by nobody.
 * Where the row is marked, it says from now on what this batch has set; else it says nothing any more, and who was archived is
 * forgotten (I8). Belongs into the transaction that records the batch. Returns whether somebody was forgotten.
 */
export const settleSamePerson = async (tx: Kysely<StateDb>, treated: Treated): Promise<boolean> => {
  const { store, batch, stage, mode } = treated;
  const marked = stage === "soft" || mode === "soft";
  const mark = sql`${marked ? JSON.stringify(treated.mark) : null}::jsonb`;
  // A later policy may be about another table, whose keys are other people's.
  const ofRoot = (alias: string) => sql`${sql.ref(`${alias}.mark`)} #>> '{root,table}' = ${treated.mark.root.table}`;
  const same = (alias: string) => sql`${sql.ref(`${alias}.store`)} = ${store} and exists (select from lethe.subject b
    where b.batch_id = ${batch} and b.store = ${store} and b.key = ${sql.ref(`${alias}.key`)} and b.request_id <> ${sql.ref(`${alias}.request_id`)})`;
  // Locked first, as whoever reopens one does.
  const archived = await sql<{ id: number }>`select r.id from lethe.request r where r.state = 'archived'
    and exists (select from lethe.subject o where o.request_id = r.id and ${ofRoot("o")} and ${same("o")})
    order by r.id for update`.execute(tx);
  const ids = archived.rows.map(({ id }) => id);
  await sql`update lethe.grace g set mark = ${mark} where ${ofRoot("g")} and ${same("g")}`.execute(tx);
  await sql`update lethe.subject o set mark = ${mark} where ${ofRoot("o")} and ${same("o")}`.execute(tx);
  if (marked) return false;
  await forgetArchived(tx, ids);
  // An archived row stays as it is: if it goes, that is by another hand.
  if (mode !== "archive") {
    await sql`update lethe.identity i set done_by = coalesce(b.same_as, b.request_id) from lethe.subject b
      where b.batch_id = ${batch} and b.store = ${store} and i.store = ${store} and i.key = b.key and not i.gone and i.request_id <> b.request_id`.execute(
      tx,
    );
  }
  return ids.length > 0;
};

/**
 * Of the requests that were looked up in a store, those whose row is no longer there because another request had it erased: nothing is left
 * to do for them here, and what was done is on record there. `stopped` may not go on, whatever has become of the row.
 */
export const settleDoneBefore = async (ctx: Context, store: string, stopped: readonly number[]): Promise<void> => {
  await sql`insert into lethe.subject (request_id, store, key, state, same_as)
    select r.id, i.store, i.key, 'executed', i.done_by from lethe.request r
    join lethe.identity i on i.request_id = r.id and i.store = ${store} and i.done_by is not null
    where ${due(ctx, store)} and not (r.id = any (${[...stopped]}::bigint[]))
      and not exists (select from lethe.subject s where s.request_id = r.id and s.store = ${store})`.execute(
    ctx.state.db,
  );
};
