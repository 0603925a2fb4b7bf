import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { measuredTables, measureOf } from "#anonymity/measure-rule.ts";
import { sqlFailureOf } from "#db/database-error.ts";
import { inTransaction } from "#execute/store-session.ts";
import type { Work } from "#night/erasure.ts";
import type { Measures } from "#records/anonymity.ts";
import type { Run } from "#records/run.ts";

type Asked = Pick<Work, "ctx" | "run" | "session" | "catalog">;

/** Measures the tables of a store in which people are to be hidden, as `noteBefore` says. */
export const measureBefore = ({ ctx, run, session, catalog }: Asked): Promise<void> =>
  noteBefore(ctx, run, session.store, {
    measure: ({ table, analytics }) =>
      inTransaction(session, "read-only", () => measureOf(session.db, catalog, table, analytics)),
    tooLong: (error) => sqlFailureOf(error)?.sqlstate === "57014",
  });

type Measured = ReturnType<typeof measuredTables>[number];
type Measuring = {
  readonly measure: (of: Measured) => Promise<Measures>;
  /** Whether what was thrown means that a statement took too long. */
  readonly tooLong: (error: unknown) => boolean;
};

/**
 * Measures tables once a run and before its first batch: reports show them before and after. Of a run that died after it had changed something, and
 * before it measured again, the measure is taken over: else what it changed would be told nowhere. That a measure takes too long stops nobody's
 * erasure; the report says that there is none.
 */
export const noteBefore = async (
  ctx: Context,
  run: Run,
  store: Pick<Store, "name" | "policy">,
  { measure, tooLong }: Measuring,
): Promise<void> => {
  for (const of of measuredTables(store.policy)) {
    const { table } = of;
    const known =
      await sql`select from lethe.anonymity_before where run_id = ${run.id} and store = ${store.name} and table_name = ${table}`.execute(
        ctx.state.db,
      );
    if (known.rows.length > 0 || (await takeOver(ctx, run, store.name, table))) continue;
    const measures = await measure(of).catch((error: unknown) => {
      if (!tooLong(error)) throw error;
      ctx.log.warn({ store: store.name, table }, "not measured before the night: statement_timeout");
      return undefined;
    });
    await sql`insert into lethe.anonymity_before (run_id, store, table_name, measures, missed)
      values (${run.id}, ${store.name}, ${table}, ${measures && JSON.stringify(measures)}::jsonb, ${measures === undefined ? "timeout" : null})
      on conflict do nothing`.execute(ctx.state.db);
  }
};

/** The latest run that measured the table and committed a batch in the store, unless it has been measured since. */
const takeOver = async (ctx: Context, run: Run, store: string, table: string): Promise<boolean> => {
  const { rows } =
    await sql`insert into lethe.anonymity_before (run_id, store, table_name, measures, missed, measured_in)
    select ${run.id}, b.store, b.table_name, b.measures, b.missed, coalesce(b.measured_in, b.run_id)
    from lethe.anonymity_before b join lethe.run r on r.id = b.run_id
    where b.store = ${store} and b.table_name = ${table} and b.run_id <> ${run.id} and b.measures is not null
      and exists (select from lethe.batch c where c.run_id = b.run_id and c.store = b.store and c.state = 'committed')
      and not exists (select from lethe.anonymity a join lethe.run n on n.id = a.run_id
        where (a.store, a.table_name) = (b.store, b.table_name) and n.started_at >= r.started_at)
      and r.started_at = (select max(o.started_at) from lethe.run o join lethe.anonymity_before p on p.run_id = o.id
        where p.store = b.store and p.table_name = b.table_name and o.id <> ${run.id})
    on conflict do nothing returning run_id`.execute(ctx.state.db);
  return rows.length > 0;
};
