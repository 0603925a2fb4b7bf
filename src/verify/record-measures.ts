import { sql } from "kysely";
import type { Context } from "#context.ts";
import type { AnonymityMore } from "#db/outcome-tables.ts";
import { appendEntries } from "#ledger/append.ts";
import type { Anonymity } from "#records/anonymity.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";

/**
 * Puts on record what was measured, and that the totals of what was changed until then are equal. Of a table that the run measures twice the
 * latter counts: a report says what was read back last (I12).
 */
export const recordMeasures = async (ctx: Context, run: Run, anonymity: readonly Anonymity[]): Promise<void> => {
  await ctx.state.db.transaction().execute(async (tx) => {
    for (const { store, table, quasi, threshold, k, classes, rows, below, measuredAt, ...more } of anonymity) {
      await sql`insert into lethe.anonymity (run_id, store, table_name, quasi, threshold, k, classes, rows, below, measured_at, more)
        values (${run.id}, ${store}, ${table}, ${JSON.stringify(quasi)}::jsonb, ${threshold}, ${k}, ${classes}, ${rows}, ${below},
          ${measuredAt}, ${JSON.stringify(more satisfies AnonymityMore)}::jsonb)
        on conflict (run_id, store, table_name) do update set quasi = excluded.quasi, threshold = excluded.threshold, k = excluded.k,
          classes = excluded.classes, rows = excluded.rows, below = excluded.below, measured_at = excluded.measured_at, more = excluded.more`.execute(
        tx,
      );
    }
    // A run that died before it came here, or one that only erases, leaves its totals for the next that verifies.
    // Only that they are equal: the amounts of one night's few subjects would tell what those subjects did (requirement D6).
    const totals = await sql<{ store: string; table: string; measure: string; equal: boolean; why: "deadline" | null }>`
      select store, table_name as "table", measure, bool_and(equal) as equal,
        case when not bool_and(equal) and bool_and(equal or late) then 'deadline' end as why
      from (select run_id, store, table_name, measure, equal, late from lethe.conserved
        union all select run_id, store, table_name, measure, equal, late from lethe.conserved_told) c join lethe.run r on r.id = c.run_id
      where r.ledger_from > coalesce((select max(index) from lethe.ledger_entry where kind = 'analytics.conserved'), -1)
      group by 1, 2, 3 order by 1, 2, 3`.execute(tx);
    const events: LedgerEvent[] = anonymity.map((row) => ({ kind: "analytics.measured", anonymity: row }));
    if (totals.rows.length > 0) {
      const told = totals.rows.map(({ why, ...total }) => (why === null ? total : { ...total, why }));
      events.push({ kind: "analytics.conserved", totals: told });
    }
    await appendEntries(tx, events, { at: ctx.clock.now(), run: run.id });
  });
};
