import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { sql, type RawBuilder } from "kysely";
import type { Edge, Shape } from "#records/plan.ts";
import type { StoreSession } from "#execute/store-session.ts";
import { and, bearsMark, column, refers, tableName } from "#scope/sql.ts";

const trigger = "lethe_refuse";

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
    if ([...wanted.keys()].some((table) => call === `lethe.${functionName(table)}`)) continue;
    await sql`create or replace function ${sql.raw(call)}() returns trigger language plpgsql as 'begin return new; end'`.execute(
      db,
    );
  }
  for (const [table, edges] of wanted) {
    const name = functionName(table);
    await functionSql(session, shape, table, edges).execute(db);
    const columns = [...new Set(edges.flatMap(watched))].toSorted();
    const stands = armed.some(
      (guard) =>
        guard.call === `lethe.${name}` &&
        guard.fires &&
        isDeepStrictEqual(guard.columns, columns) &&
        guard.on === table,
    );
    if (stands) continue;
    // Somebody has switched it off, renamed its table, or the policy looks at other columns than it did.
    await sql`create or replace trigger ${sql.id(trigger)} before insert or update of ${sql.join(columns.map((each) => sql.id(each)))}
      on ${tableName(table)} for each row execute function ${sql.id("lethe", name)}()`.execute(db);
  }
};

type Guard = {
  readonly call: string;
  readonly on: string;
  readonly fires: boolean;
  readonly columns: readonly string[];
};

const armedGuards = async ({ db }: StoreSession): Promise<readonly Guard[]> => {
  const { rows } = await sql<Guard>`
    select format('%I.%I', n.nspname, p.proname) as call, t.tgenabled in ('O', 'A') as fires,
      case cn.nspname when 'public' then '' else cn.nspname || '.' end || c.relname as "on",
      array(select a.attname::text from pg_attribute a
        where a.attrelid = t.tgrelid and a.attnum = any (t.tgattr::int2[]) order by a.attname::text collate "C") as columns
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
      join pg_class c on c.oid = t.tgrelid join pg_namespace cn on cn.oid = c.relnamespace
    where t.tgname = ${trigger} and t.tgparentid = 0`.execute(db);
  return rows;
};

const functionName = (table: string): string =>
  `refuse_${createHash("sha256").update(table).digest("hex").slice(0, 16)}`;

/** The columns that say whose a row is. */
const watched = ({ columns, where }: Edge): readonly string[] => [...columns, ...Object.keys(where)];

/** Locks the subject's row: a new row that comes at the same moment as the mark either comes first or is refused. */
const functionSql = (
  { db }: StoreSession,
  { root, deletion }: Shape,
  table: string,
  edges: readonly Edge[],
): RawBuilder<unknown> => {
  const marked = bearsMark(deletion.mark, "s");
  const checks = edges.map((edge) => {
    // A function's body takes no parameters.
    const applies = Object.entries(edge.where).map(
      ([name, value]) => sql`${column("new", name)}::text = ${sql.lit(value)}`,
    );
    const named = and([refers({ ...edge, where: {} }, "new", "s"), ...applies]);
    const moved = sql.join(
      watched(edge).map((name) => sql`${column("new", name)} is distinct from ${column("old", name)}`),
      sql` or `,
    );
    // Programs that save a row write its columns all, the unchanged ones, too.
    return sql`if tg_op = 'INSERT' or ${moved} then
    perform from ${tableName(root.table)} s where ${named} and ${marked} for share;
    if found then
      raise exception using errcode = 'integrity_constraint_violation', table = ${sql.lit(table)}, constraint = ${sql.lit(trigger)},
        message = ${sql.lit(`${table} takes no new row for a subject that is marked as deleted`)},
        hint = 'reactivate the subject first';
    end if;
    end if;`;
  });
  const body = sql`begin ${sql.join(checks, sql` `)} return new; end`.compile(db).sql;
  return sql`create or replace function ${sql.id("lethe", functionName(table))}() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp as ${sql.lit(body)}`;
};
