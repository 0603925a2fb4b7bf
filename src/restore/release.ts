import { sql } from "kysely";
import type { Context } from "#context.ts";
import { goneFrom } from "#db/backup-sets.ts";
import { clearOn } from "#db/clear-on.ts";
import { touchedStores } from "#db/touched-stores.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Run } from "#records/run.ts";
import { ended, type OpenRestore } from "#restore/standing.ts";

/**
 * B1: releases a restored store once every erasure that the restore undid was repeated and searched for, or a person has refused it. The entry
 * in the ledger is what the signed report proves.
 */
export const releaseStore = async (ctx: Context, run: Run, { id, store, asOf }: OpenRestore): Promise<void> => {
  faultPoint("before-store-released");
  const at = ctx.clock.now();
  await ctx.state.db.transaction().execute(async (tx) => {
    const open = await sql<{
      id: number;
    }>`select id from lethe.restore where id = ${id} and released_at is null and scanned_at is not null
        and not exists (select from lethe.request where restore_id = ${id} and state not in ${ended}) for update`.execute(
      tx,
    );
    if (open.rows.length === 0) return;
    const counted = await sql<{ repeated: number; refused: number }>`select
        count(*) filter (where state not in ('refused', 'withdrawn')) as repeated,
        count(*) filter (where state in ('refused', 'withdrawn')) as refused
      from lethe.request where restore_id = ${id}`.execute(tx);
    const { repeated, refused } = counted.rows[0] ?? { repeated: 0, refused: 0 };
    await sql`update lethe.restore set released_at = ${at.toString()}, repeated = ${repeated}, refused = ${refused} where id = ${id}`.execute(
      tx,
    );
    // B4: the backups that were made meanwhile go later than those of before the erasure, which the person was told of.
    await sql`update lethe.request set backups_clear_on = greatest(backups_clear_on, ${clearOn(ctx.config, at)}::date)
      where state = 'erased' and ${goneFrom(sql`${store}::text`)} = ${at.toString()}
        and ${store} in (${touchedStores})`.execute(tx);
    await sql`delete from lethe.restore_entry where restore_id = ${id}`.execute(tx);
    // From here on the requests that repeated them stand for those whose erasure was not at its end.
    await sql`update lethe.subject s set batch_id = null from lethe.batch b
      where b.id = s.batch_id and s.store = ${store} and s.state = 'executed' and b.state = 'lost'`.execute(tx);
    // From here on they are requests like others: who was archived may be active again one day.
    await sql`update lethe.request set restore_id = null where restore_id = ${id}`.execute(tx);
    await appendEntries(tx, [{ kind: "store.released", store, asOf, repeated, refused }], { at, run: run.id });
  });
};
