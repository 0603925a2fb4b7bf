import { sql, type RawBuilder } from "kysely";
import { faultPoint } from "#lib/fault.ts";
import type { Shape } from "#records/plan.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { tableName } from "#scope/sql.ts";

// Copies that PostgreSQL itself keeps of changed rows (requirement F). Before PostgreSQL 17 only an owner may renew them: a role
// that holds what `lethe init` prints does it by two functions of the owner's. Planning has made sure that one of the ways is
// open, for `ANALYZE` itself would skip the table and only warn.

/** Refreshes materialised views, in this order. Idempotent; after the batches and before verification, which searches them. */
export const refreshViews = async (session: StoreSession, views: readonly string[]): Promise<void> => {
  const { db } = session;
  const byOwner = await hasFunction(session, "refresh_view");
  for (const view of views) {
    const name = tableName(view);
    const refresh = byOwner
      ? sql`select lethe.refresh_view(${regclass(name, db)}::regclass)`
      : sql`refresh materialized view ${name}`;
    await inTransaction(session, "read-write", () => refresh.execute(db));
  }
  faultPoint("after-views-refreshed");
};

/** What a request may change: the treated tables, and the materialised views over them. */
export const changedBy = ({ steps, refresh }: Shape): readonly string[] => [
  ...new Set([...steps.filter((step) => step.kind !== "cut").map((step) => step.table), ...refresh]),
];

/** Analyses tables and views: `pg_stats` holds frequent values of rows that are gone. Idempotent; verification searches it too. */
export const renewStatistics = async (session: StoreSession, tables: readonly string[]): Promise<void> => {
  const { db } = session;
  const byOwner = await hasFunction(session, "analyze_table");
  for (const name of await withStatistics(session, tables)) {
    await (byOwner ? sql`select lethe.analyze_table(${name}::regclass)` : sql`analyze ${sql.raw(name)}`).execute(db);
  }
};

/**
 * Quoted names of those that were analysed before, or are being analysed: elsewhere is nothing to forget, and analysing would first write values
 * down. Who began to analyse before our batch was committed, as autovacuum may, writes down what the rows were; our own ANALYZE waits for it.
 */
const withStatistics = async ({ db }: StoreSession, tables: readonly string[]): Promise<readonly string[]> => {
  const names = tables.map((table) => regclass(tableName(table), db));
  const found = await sql<{
    name: string;
  }>`select t.name from unnest(${names}::text[]) with ordinality t (name, position)
    join pg_class c on c.oid = t.name::regclass join pg_namespace n on n.oid = c.relnamespace
    where exists (select from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname)
      or exists (select from pg_locks l where l.relation = c.oid and l.mode = 'ShareUpdateExclusiveLock'
        and l.database = (select oid from pg_database where datname = current_database()))
    order by t.position`.execute(db);
  return found.rows.map(({ name }) => name);
};

/** The function is there only where the owner's privileges are needed; who has them does without. */
const hasFunction = async ({ db }: StoreSession, name: "refresh_view" | "analyze_table"): Promise<boolean> => {
  const found = await sql<{ present: boolean }>`select
    to_regprocedure(${`lethe.${name}(regclass)`}) is not null as present`.execute(db);
  return found.rows[0]?.present === true;
};

/** The quoted name as text. */
const regclass = (name: RawBuilder<unknown>, db: StoreSession["db"]): string => name.compile(db).sql;
