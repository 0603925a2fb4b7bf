import { sql, type Kysely } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context, Store } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { appendEntries } from "#ledger/append.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Policy, RetentionClass } from "#policy/policy.ts";
import { erasableFrom } from "#policy/retention.ts";
import type { LedgerEvent, RetentionRule } from "#records/entry.ts";
import type { Run } from "#records/run.ts";

type Retained = { readonly table: string; readonly rule: RetentionRule; readonly cls: RetentionClass };

/**
 * Where a retention class says something else than when a night last looked (a law has changed, or the policy), the records that are
 * kept already follow it from now on: their days are computed anew from their clocks, the citation and the exception are the class's, and the ledger says what changed.
 */
export const reviseRetention = async (ctx: Context, run: Run): Promise<void> => {
  for (const store of ctx.stores) {
    for (const retained of retainedIn(store.policy)) {
      await reviseTable(ctx, run, store, retained);
      faultPoint("after-table-revised");
    }
  }
};

const retainedIn = ({ tables, classes }: Policy): readonly Retained[] =>
  Object.entries(tables).flatMap(([table, written]) => {
    const cls = written.treatment === "retain" ? classes[written.class] : undefined;
    if (written.treatment !== "retain" || cls === undefined) return [];
    const { basis, period, anchor, yearBegins, exception } = cls;
    return [{ table, cls, rule: { class: written.class, basis, period, anchor, yearBegins, exception } }];
  });

const reviseTable = (ctx: Context, run: Run, { name }: Store, { table, rule, cls }: Retained): Promise<void> =>
  ctx.state.db.transaction().execute(async (tx) => {
    const known = await sql<RetentionRule>`select class, basis, period, anchor, year_begins as "yearBegins", exception
      from lethe.retention where store = ${name} and table_name = ${table} for update`.execute(tx);
    const [was] = known.rows;
    if (was !== undefined && canonicalJson(was) === canonicalJson(rule)) return;
    const at = ctx.clock.now();
    await sql`insert into lethe.retention (store, table_name, class, basis, period, anchor, year_begins, since, exception)
      values (${name}, ${table}, ${rule.class}, ${rule.basis}, ${rule.period}, ${rule.anchor}, ${rule.yearBegins}, ${at.toString()}, ${rule.exception})
      on conflict (store, table_name) do update set class = excluded.class, basis = excluded.basis, period = excluded.period,
        anchor = excluded.anchor, year_begins = excluded.year_begins, since = excluded.since, exception = excluded.exception`.execute(
      tx,
    );
    if (was === undefined) return;
    const requests = await recompute(tx, name, table, cls);
    const event: LedgerEvent = { kind: "retention.revised", store: name, table, was, is: rule, requests };
    await appendEntries(tx, [event], { at, run: run.id });
  });

/** Thousands of records share a few days: each day is computed once, and one statement a table changes what is on record. */
const recompute = async (tx: Kysely<StateDb>, store: string, table: string, cls: RetentionClass): Promise<number> => {
  const clocks = await sql<{ day: string }>`
    select distinct day from lethe.disposition d cross join unnest(array[clock_first, clock_last]) day
    where d.store = ${store} and d.table_name = ${table} and d.treatment = 'retain' and day is not null
    union select clock_last from lethe.stay where store = ${store} and table_name = ${table} and clock_last is not null`.execute(
    tx,
  );
  const days = JSON.stringify(
    clocks.rows.map(({ day }) => ({ day, until: erasableFrom(cls, Temporal.PlainDate.from(day)).toString() })),
  );
  const changed = await sql`with until as (select * from jsonb_to_recordset(${days}::jsonb) as x (day date, until date))
    update lethe.disposition d set basis = ${cls.basis}, exception = ${cls.exception}, until_first = f.until, until_last = l.until
    from until f, until l
    where d.store = ${store} and d.table_name = ${table} and d.treatment = 'retain' and d.ended_on is null and f.day = d.clock_first and l.day = d.clock_last`.execute(
    tx,
  );
  await sql`with until as (select * from jsonb_to_recordset(${days}::jsonb) as x (day date, until date))
    update lethe.stay s set until = x.until from until x
    where s.store = ${store} and s.table_name = ${table} and x.day = s.clock_last and s.until is not null`.execute(tx);
  return Number(changed.numAffectedRows ?? 0);
};
