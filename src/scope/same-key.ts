import { sql, type Kysely, type RawBuilder } from "kysely";
import { sqlFailureOf } from "#db/database-error.ts";
import type { SubjectRoot } from "#policy/policy.ts";
import { column, tableName } from "#scope/sql.ts";

/** Tells that the root row `t` is the one whose key was saved as text, in some column of a temporary table. */
export type SameKey = (saved: RawBuilder<unknown>) => RawBuilder<unknown>;

/**
 * Keys are no text that somebody typed: a saved one is compared in the column's own type, and where that is a text type byte for byte, since
 * "cus_ab" and "cus_AB" are two people. `saved` selects all of them, as `key`. If one of them can be none of the type, the column has another by now:
 * then they are compared as they were written. Runs in the caller's transaction.
 */
export const sameKey = async (db: Kysely<unknown>, root: SubjectRoot, saved: RawBuilder<unknown>): Promise<SameKey> => {
  const key = column("t", root.key);
  const asText: SameKey = (value) => sql`${key}::text collate "C" = ${value}`;
  const { rows } = await sql<{ type: string; text: boolean }>`
    select format_type(a.atttypid, a.atttypmod) as type, y.typcategory = 'S' as text from pg_attribute a join pg_type y on y.oid = a.atttypid
    where a.attrelid = to_regclass(${sql`${tableName(root.table)}`.compile(db).sql}) and a.attname = ${root.key} and not a.attisdropped`.execute(
    db,
  );
  const [now] = rows;
  if (now === undefined) return asText;
  const type = sql.raw(now.type);
  if (!(await allAre(db, type, saved))) return asText;
  const typed: SameKey = (value) => sql`${key} = ${value}::${type}`;
  return now.text ? (value) => sql`${typed(value)} and ${asText(value)}` : typed;
};

const allAre = async (db: Kysely<unknown>, type: RawBuilder<unknown>, saved: RawBuilder<unknown>): Promise<boolean> => {
  await sql`savepoint lethe_key`.execute(db);
  try {
    await sql`select count(s.key::${type}) from (${saved}) s`.execute(db);
    await sql`release savepoint lethe_key`.execute(db);
    return true;
  } catch (error) {
    // Classes of what is wrong with a value, and of a domain's check.
    if (!/^2[23]/.test(sqlFailureOf(error)?.sqlstate ?? "")) throw error;
    await sql`rollback to savepoint lethe_key`.execute(db);
    return false;
  }
};
