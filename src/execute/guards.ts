import { sql } from "kysely";
import { guardsOf, type Guard } from "#execute/guard-function.ts";
import type { StoreSession } from "#execute/store-session.ts";
import type { Shape } from "#records/plan.ts";
import { tableName } from "#scope/sql.ts";

/**
 * Makes the database itself refuse new rows for a subject that is marked as deleted, and disarms guards that the policy no longer asks
 * for. Idempotent. The functions are ours and run with our rights; the triggers take the TRIGGER privilege, and only the table's owner
 * could drop them, so a guard that is no longer wanted is left with a function that lets everything pass.
 */
export const assureGuards = async (session: StoreSession, shape: Shape): Promise<void> => {
  const { db } = session;
  const wanted = await guardsOf(session, shape);
  const armed = await armedGuards(session);
  for (const { call } of armed) {
    if (wanted.some(({ functionName }) => call === `lethe.${functionName}`)) continue;
    await sql`create or replace function ${sql.raw(call)}() returns trigger language plpgsql as 'begin return new; end'`.execute(
      db,
    );
  }
  for (const { trigger, table, fires, functionName, body } of wanted) {
    const text = sql`begin ${body} return new; end`.compile(db).sql;
    await sql`create or replace function ${sql.id("lethe", functionName)}() returns trigger language plpgsql
      security definer set search_path = pg_catalog, pg_temp as ${sql.lit(text)}`.execute(db);
    const stands = armed.some(
      (guard) =>
        guard.call === `lethe.${functionName}` && guard.on === table && guard.whole && guard.type === types[fires],
    );
    if (stands) continue;
    await sql`create or replace trigger ${sql.id(trigger)} ${sql.raw(fires)}
      on ${tableName(table)} for each row execute function ${sql.id("lethe", functionName)}()`.execute(db);
  }
};

type Armed = { readonly call: string; readonly on: string; readonly type: number; readonly whole: boolean };

/** What stands there, and whether it fires for every row and column: nobody has switched it off, on no partition, or narrowed it. */
const armedGuards = async ({ db }: StoreSession): Promise<readonly Armed[]> => {
  const { rows } = await sql<Armed>`
    with recursive armed as (
      select oid as guard, oid, tgenabled from pg_trigger where tgname in ('lethe_refuse', 'lethe_mark') and tgparentid = 0
      union all
      select a.guard, t.oid, t.tgenabled from armed a join pg_trigger t on t.tgparentid = a.oid)
    select format('%I.%I', n.nspname, p.proname) as call,
      case cn.nspname when 'public' then '' else cn.nspname || '.' end || c.relname as "on",
      t.tgtype as type, cardinality(t.tgattr::int2[]) = 0 and t.tgqual is null
        and not exists (select from armed a where a.guard = t.oid and a.tgenabled not in ('O', 'A')) as whole
    from armed g join pg_trigger t on t.oid = g.oid and g.oid = g.guard
      join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
      join pg_class c on c.oid = t.tgrelid join pg_namespace cn on cn.oid = c.relnamespace`.execute(db);
  return rows;
};

/** As the catalog says it: ROW is 1, BEFORE 2, INSERT 4, UPDATE 16. */
const types: Readonly<Record<Guard["fires"], number>> = {
  "after insert or update": 1 + 4 + 16,
  "before update": 1 + 2 + 16,
};
