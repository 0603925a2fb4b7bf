import { sql } from "kysely";
import { guardFunction, guardFunctionName, refusal } from "#execute/guard-function.ts";
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
  const wanted = Map.groupBy(shape.deletion.refuse, ({ table }) => table);
  const armed = await armedGuards(session);
  for (const { call } of armed) {
    if ([...wanted.keys()].some((table) => call === `lethe.${guardFunctionName(table)}`)) continue;
    await sql`create or replace function ${sql.raw(call)}() returns trigger language plpgsql as 'begin return new; end'`.execute(
      db,
    );
  }
  for (const [table, edges] of wanted) {
    const name = guardFunctionName(table);
    const definition = await guardFunction(session, shape, table, edges);
    await definition.execute(db);
    if (armed.some((guard) => guard.call === `lethe.${name}` && guard.on === table && guard.fires)) continue;
    // After the row is stored: triggers that come before may still say whose it is, also where the statement does not name that column.
    await sql`create or replace trigger ${sql.id(refusal)} after insert or update
      on ${tableName(table)} for each row execute function ${sql.id("lethe", name)}()`.execute(db);
  }
};

type Guard = { readonly call: string; readonly on: string; readonly fires: boolean };

/** What stands there, and whether it fires for every row that is stored: nobody has switched it off, on no partition, or narrowed it. */
const armedGuards = async ({ db }: StoreSession): Promise<readonly Guard[]> => {
  const { rows } = await sql<Guard>`
    with recursive armed as (
      select oid as guard, oid, tgenabled from pg_trigger where tgname = ${refusal} and tgparentid = 0
      union all
      select a.guard, t.oid, t.tgenabled from armed a join pg_trigger t on t.tgparentid = a.oid)
    select format('%I.%I', n.nspname, p.proname) as call,
      case cn.nspname when 'public' then '' else cn.nspname || '.' end || c.relname as "on",
      t.tgtype = ${afterEachRowThatIsInsertedOrUpdated} and cardinality(t.tgattr::int2[]) = 0 and t.tgqual is null
        and not exists (select from armed a where a.guard = t.oid and a.tgenabled not in ('O', 'A')) as fires
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
      join pg_class c on c.oid = t.tgrelid join pg_namespace cn on cn.oid = c.relnamespace
    where t.tgname = ${refusal} and t.tgparentid = 0`.execute(db);
  return rows;
};

/** As the catalog says it: ROW is 1, INSERT 4, UPDATE 16; what is not BEFORE (2) or INSTEAD (64) is AFTER. */
const afterEachRowThatIsInsertedOrUpdated = 1 + 4 + 16;
