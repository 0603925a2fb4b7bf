import { pipeline } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { sql } from "kysely";
import type { State } from "#context.ts";
import { copyOut } from "#db/copy.ts";
import { kyselyOver, withClient, type Pool } from "#db/pool.ts";
import { migrate } from "#db/migrate.ts";
import { stateMigrations } from "#db/state-migrations.ts";
import type { StateDb } from "#db/state-schema.ts";

/** What is not copied: it can be large, and what is done in a drill needs no more of it than where it ends. */
const left = ["ledger_entry", "checkpoint", "migration", "migration_lock"];

/** Copies Lethe's own records, as they are at one moment, into the empty database of `to`. */
export const copyState = async ({ pool: from }: State, to: Pool): Promise<State> => {
  const db = kyselyOver<StateDb>(to);
  await migrate(db, to.label, stateMigrations);
  await withClient(from, (source) =>
    withClient(to, async (target) => {
      await source.query("begin isolation level repeatable read read only");
      const { rows } = await source.query<{ name: string; columns: string }>(
        `select relname as name, string_agg(quote_ident(attname), ', ' order by attnum) as columns
          from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped and attgenerated = ''
          where relnamespace = 'lethe'::regnamespace and relkind = 'r' and relname <> all ($1) group by relname order by relname`,
        [left],
      );
      // What refers to what is right already; and what is only in the ledger is referred to by nothing.
      await target.query("set session_replication_role = replica");
      for (const { name, columns } of rows) {
        await target.query(`delete from lethe.${name}`);
        await pipeline(
          copyOut(source, `select ${columns} from lethe.${name}`),
          target.query(copyFrom(`copy lethe.${name} (${columns}) from stdin`)),
        );
      }
      await target.query("reset session_replication_role");
      await source.query("commit");
    }),
  );
  await advanceSequences(db);
  return { pool: to, db };
};

/** New rows get numbers behind those that were copied. */
const advanceSequences = async (db: State["db"]): Promise<void> => {
  const { rows } = await sql<{ name: string; column: string; sequence: string }>`
    select relname as name, attname as column, pg_get_serial_sequence('lethe.' || relname, attname) as sequence
    from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0 and attidentity <> ''
    where relnamespace = 'lethe'::regnamespace and relkind = 'r'`.execute(db);
  for (const { name, column, sequence } of rows) {
    await sql`select setval(${sequence}, coalesce((select max(${sql.ref(column)}) from ${sql.table(`lethe.${name}`)}), 0) + 1, false)`.execute(
      db,
    );
  }
};
