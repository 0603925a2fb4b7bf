import { sql, type RawBuilder } from "kysely";
import { faultPoint } from "#lib/fault.ts";
import type { Shape } from "#records/plan.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { tableName } from "#scope/sql.ts";

// Copies that PostgreSQL itself keeps of changed rows (requirement F). Before PostgreSQL 17 only an owner may renew them: a role
// that holds what `lethe init` prints does it by two functions of the owner's. Planning has made sure that one of the ways is
// open, for `ANALYZE` itself would skip the table and only warn.

/** Refreshes the materialised views over treated tables. Idempotent; after the batches and before verification, which searches them. */
export const refreshViews = async (session: StoreSession, shape: Shape): Promise<void> => {
  const { db } = session;
  for (const view of shape.refresh) {
    const name = tableName(view);
    const refresh = (await byFunction(session, "refresh_view"))
      ? sql`select lethe.refresh_view(${regclass(name, db)}::regclass)`
      : sql`refresh materialized view ${name}`;
    await inTransaction(session, "read-write", () => refresh.execute(db));
  }
  faultPoint("after-views-refreshed");
};

/** Analyses treated tables: `pg_stats` holds frequent values of rows that are gone. Idempotent; verification searches it too. */
export const renewStatistics = async (session: StoreSession, shape: Shape): Promise<void> => {
  const { db } = session;
  const treated = new Set(shape.steps.filter((step) => step.kind !== "cut").map((step) => step.table));
  for (const table of [...treated, ...shape.refresh]) {
    const name = tableName(table);
    // Never analysed: there is nothing to forget, and analysing would first write values down.
    if (!(await hasStatistics(session, name))) continue;
    await ((await byFunction(session, "analyze_table"))
      ? sql`select lethe.analyze_table(${regclass(name, db)}::regclass)`.execute(db)
      : sql`analyze ${name}`.execute(db));
  }
};

const hasStatistics = async ({ db }: StoreSession, name: RawBuilder<unknown>): Promise<boolean> => {
  const found = await sql<{ present: boolean }>`select exists (
    select from pg_stats s join pg_class c on c.oid = ${regclass(name, db)}::regclass and c.relname = s.tablename
      and c.relnamespace = s.schemaname::regnamespace) as present`.execute(db);
  return found.rows[0]?.present === true;
};

/** The function is there only where the owner's privileges are needed; who has them does without. */
const byFunction = async ({ db }: StoreSession, name: "refresh_view" | "analyze_table"): Promise<boolean> => {
  const found = await sql<{ present: boolean }>`select
    to_regprocedure(${`lethe.${name}(regclass)`}) is not null as present`.execute(db);
  return found.rows[0]?.present === true;
};

/** The quoted name as text. */
const regclass = (name: RawBuilder<unknown>, db: StoreSession["db"]): string => name.compile(db).sql;
