import { sql } from "kysely";
import { functionNames, guardsOf, type Guard } from "#execute/guard-function.ts";
import { spelledMarks } from "#execute/guard-marks.ts";
import type { StoreSession } from "#execute/store-session.ts";
import type { SavedMark, Shape } from "#records/plan.ts";
import { tableName } from "#scope/sql.ts";

/**
 * Makes the database itself refuse new rows for a subject that is marked as deleted, by the policy or by one of the marks that are `inForce`,
 * and disarms guards that the policy no longer asks for. Idempotent. The functions are ours and run with our rights; the triggers take the
 * TRIGGER privilege, and only the table's owner could drop them, so a guard that is no longer wanted is left with a function that lets
 * everything pass.
 */
export const assureGuards = async (
  session: StoreSession,
  shape: Shape,
  inForce: readonly SavedMark[],
): Promise<void> => {
  const { db } = session;
  const wanted = await guardsOf(session, shape, await spelledMarks(db, shape, inForce));
  const standing = await triggersOf(session);
  const armed = standing.filter(({ ours }) => ours);
  for (const { call } of armed) {
    if (wanted.some(({ functionName }) => call === `lethe.${functionName}`)) continue;
    await sql`create or replace function ${sql.raw(call)}() returns trigger language plpgsql as 'begin return new; end'`.execute(
      db,
    );
  }
  for (const { trigger, table, fires, functionName, body } of wanted) {
    const text = sql`begin ${body} return new; end`.compile(db).sql;
    // Whoever writes the row may have other settings than whoever wrote the mark.
    await sql`create or replace function ${sql.id("lethe", functionName)}() returns trigger language plpgsql
      security definer set search_path = pg_catalog, pg_temp ${sql.raw(spelling)} as ${sql.lit(text)}`.execute(db);
    const mine = armed.filter((guard) => guard.call === `lethe.${functionName}` && guard.on === table);
    if (mine.some(({ whole, type }) => whole && type === types[fires])) continue;
    const taken = standing.some(({ ours, on, name }) => !ours && on === table && name === trigger);
    const name = taken ? `${trigger}_${functionName.slice(-16)}` : trigger;
    const replaces = mine.some((guard) => guard.name === name);
    await sql`create ${sql.raw(replaces ? "or replace" : "")} trigger ${sql.id(name)} ${sql.raw(fires)}
      on ${tableName(table)} for each row execute function ${sql.id("lethe", functionName)}()`.execute(db);
  }
};

/** Everything that the text of a value depends on, as our connections have it. */
const spelling = ["timezone", "datestyle", "intervalstyle", "extra_float_digits", "bytea_output", "lc_monetary"]
  .map((setting) => `set ${setting} from current`)
  .join(" ");

type Standing = {
  readonly name: string;
  readonly call: string;
  /** The table; of a trigger on a partition, the table that has it. */
  readonly on: string;
  readonly type: number;
  /** It fires for every row and column: nobody has switched it off, on no partition, or narrowed it. */
  readonly whole: boolean;
  /** By what it calls: anybody can give a trigger a name that is ours. */
  readonly ours: boolean;
};

/** The triggers that call a function of ours, and others that bear the name of such a trigger. */
const triggersOf = async ({ db }: StoreSession): Promise<readonly Standing[]> => {
  const { rows } = await sql<Standing>`
    with recursive found as (
      select t.oid, n.nspname = 'lethe' and p.proname ~ ${functionNames} and pg_has_role(p.proowner, 'usage') as ours
      from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace where t.tgparentid = 0),
    armed as (
      select f.oid as guard, f.ours, t.oid, t.tgenabled from found f join pg_trigger t on t.oid = f.oid
      where f.ours or t.tgname in ('lethe_refuse', 'lethe_mark')
      union all
      select a.guard, a.ours, t.oid, t.tgenabled from armed a join pg_trigger t on t.tgparentid = a.oid)
    select t.tgname as name, format('%I.%I', n.nspname, p.proname) as call,
      case cn.nspname when 'public' then '' else cn.nspname || '.' end || c.relname as "on",
      t.tgtype as type, cardinality(t.tgattr::int2[]) = 0 and t.tgqual is null
        and not exists (select from armed a where a.guard = t.oid and a.tgenabled not in ('O', 'A')) as whole, g.ours
    from armed g join pg_trigger t on t.oid = g.oid and g.oid = g.guard
      join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
      join pg_class c on c.oid = coalesce(pg_partition_root(t.tgrelid), t.tgrelid)
      join pg_namespace cn on cn.oid = c.relnamespace`.execute(db);
  return rows;
};

/** As the catalog says it: ROW is 1, BEFORE 2, INSERT 4, DELETE 8, UPDATE 16. */
const types: Readonly<Record<Guard["fires"], number>> = {
  "after insert or update": 1 + 4 + 16,
  "after insert or update or delete": 1 + 4 + 8 + 16,
  "before update": 1 + 2 + 16,
};
