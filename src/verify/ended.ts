import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { ExpiryStep } from "#records/expiry.ts";
import type { Run } from "#records/run.ts";
import type { Ended } from "#records/treatment.ts";

/** A table in which retained records expire, and the days (ISO) of rows that were due and are still there. */
export type StillThere = { readonly step: ExpiryStep; readonly days: readonly string[] };

/**
 * `day` is the one for which the night told what is due, whatever the clock says by now. Completes what is on record of each request: of retained records whose day has come, and of whose days a search found no row that is due any
 * more, it is known what has become of them; but for records some of which have no day. Said of nothing that was not read back (I12): where a row of the same day waits, whoever
 * it is about, the records of that day are not called gone. A second time it changes nothing.
 */
export const endRetention = async (
  ctx: Context,
  run: Run,
  { name }: Store,
  { day: today, tables }: { readonly day: string; readonly tables: readonly StillThere[] },
): Promise<void> => {
  await ctx.state.db.transaction().execute(async (tx) => {
    const ended: Row[] = [];
    for (const { step, days } of tables) {
      if (step.class === null) continue;
      ended.push(...(await endTable(tx, run, { store: name, today, step, days })));
    }
    if (ended.length === 0) return;
    const events = eventsOf(ended, await openRequests(tx, ended));
    await appendEntries(tx, events, { at: ctx.clock.now(), run: run.id });
  });
  faultPoint("after-expiry-ended");
};

type Row = Omit<Ended, "basis"> & { readonly id: number; readonly ref: string; readonly basis: string };

type Table = {
  readonly store: string;
  readonly today: string;
  readonly step: ExpiryStep;
  readonly days: readonly string[];
};

const endTable = async (
  tx: Kysely<StateDb>,
  run: Run,
  { store, today, step, days }: Table,
): Promise<readonly Row[]> => {
  const { table, changes, basis } = step;
  const as = changes.length === 0 ? "erase" : "anonymise";
  const { rows } = await sql<Row>`with there as (select day from unnest(${[...days]}::date[]) day),
    ended as (update lethe.disposition d set ended_on = ${today}::date, ended_as = ${as}, ended_run = ${run.id}
      where store = ${store} and table_name = ${table} and treatment = 'retain' and rows > 0 and undated = 0 and ended_on is null and until_last <= ${today}::date
        and not exists (select from there where day between d.clock_first and d.clock_last)
      returning request_id, rows, coalesce(d.basis, ${basis}) as basis, until_last)
    select r.id, r.ref, ${store}::text as store, ${table}::text as "table", e.rows, ${as}::text as "as", e.basis, e.until_last as until
    from ended e join lethe.request r on r.id = e.request_id order by r.id`.execute(tx);
  const gone = changes.length === 0 ? sql`true` : sql`column_name = any (${changes.map(({ name }) => name)}::text[])`;
  await sql`update lethe.stay s set ended_on = ${today}::date where store = ${store} and table_name = ${table} and ended_on is null
    and until <= ${today}::date and ${gone} and not exists (select from unnest(${[...days]}::date[]) day where day <= s.clock_last)`.execute(
    tx,
  );
  return rows;
};

/** Those of the requests of whose person something is retained still, or that are not done: somebody else's rows may be held, or a store be down. */
const openRequests = async (tx: Kysely<StateDb>, ended: readonly Row[]): Promise<ReadonlySet<number>> => {
  const ids = [...new Set(ended.map(({ id }) => id))];
  const { rows } = await sql<{ id: number }>`select distinct request_id as id from lethe.disposition
    where request_id = any (${ids}::bigint[]) and treatment = 'retain' and rows > 0 and ended_on is null
    union select id from lethe.request where id = any (${ids}::bigint[]) and state not in ('erased', 'archived', 'completed')`.execute(
    tx,
  );
  return new Set(rows.map(({ id }) => id));
};

const eventsOf = (ended: readonly Row[], open: ReadonlySet<number>): readonly LedgerEvent[] =>
  [...Map.groupBy(ended, ({ id }) => id)].map(([id, rows]): LedgerEvent => ({
    kind: "retention.ended",
    request: rows[0]?.ref ?? "",
    records: rows.map(({ id: _, ref: _ref, ...record }) => record),
    complete: !open.has(id),
  }));
