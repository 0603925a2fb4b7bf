import { sql, type RawBuilder } from "kysely";
import { watched, type Reference } from "#execute/guard-reference.ts";
import type { StoreSession } from "#execute/store-session.ts";
import type { Edge } from "#records/plan.ts";
import { column, tableName } from "#scope/sql.ts";

/**
 * The transaction is a batch of Lethe's own: it has entered itself into the journal, where only our role can write. A row with the same
 * number that came by a dump was not written by this transaction.
 */
export const isOurs = sql`exists (select from lethe.journal_batch b
  where b.xact = pg_current_xact_id() and b.xmin = pg_current_xact_id()::xid)`;

/** The key to which the row referred has another value by now, and the foreign key has followed: no other row, and nobody else's. */
export const followsKey = ({ edge, names }: Reference): RawBuilder<unknown> => {
  if (edge.declared !== "foreign-key") return sql`false`;
  const referred = sql.join(
    edge.columns.map((name) => sql`${column("old", name)} is not null`),
    sql` and `,
  );
  return sql`tg_op = 'UPDATE' and ${referred} and not exists (select from ${tableName(edge.to.table)} s where ${names("old")})`;
};

/** PL/pgSQL about rows that an UPDATE moves from one partition to another. */
export type Movement = {
  /** Runs first, and ends what is to be done for a row that leaves. */
  readonly leaves: RawBuilder<unknown>;
  /** Whether the row that is stored is the one that has just left. */
  readonly arrives: RawBuilder<unknown>;
  /** Runs last: who left has arrived once. */
  readonly ends: RawBuilder<unknown>;
};

/**
 * To move a row to another partition, PostgreSQL deletes it there and inserts it here, and tells triggers of the two one right after the
 * other. The first leaves a note for the second: a setting of the transaction, which anybody can write, sealed with what nobody else can
 * read. It is of one statement, of one row's references, and of what of its key cannot change by the move. Undefined: no partitions.
 */
export const movementOf = async (
  db: StoreSession["db"],
  table: string,
  edges: readonly Edge[],
): Promise<Movement | undefined> => {
  const { rows } = await sql<{ key: string[] }>`
    select array(select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
      where i.indrelid = c.oid and i.indisprimary and a.attname not in (
        select k.attname from pg_partition_tree(c.oid) t join pg_partitioned_table p on p.partrelid = t.relid
          join pg_attribute k on k.attrelid = p.partrelid and k.attnum = any (p.partattrs)) order by a.attname) as key
    from pg_class c where c.oid = ${tableName(table).compile(db).sql}::regclass and c.relkind = 'p'`.execute(db);
  const [partitioned] = rows;
  if (partitioned === undefined) return undefined;
  const names = [...new Set([...edges.flatMap(watched), ...partitioned.key])];
  const note = (
    alias: "new" | "old",
  ) => sql`(select encode(sha256(convert_to(concat_ws(' ', g.secret, pg_current_xact_id(),
    statement_timestamp(), ${sql.lit(table)}, row(${sql.join(names.map((name) => column(alias, name)))})::text), 'UTF8')), 'hex')
    from lethe.guard_secret g)`;
  return {
    leaves: sql`if tg_op = 'DELETE' then perform set_config('lethe.moved', ${note("old")}, true); return null; end if;`,
    arrives: sql`tg_op = 'INSERT' and current_setting('lethe.moved', true) is not distinct from ${note("new")}`,
    ends: sql`if tg_op = 'INSERT' and current_setting('lethe.moved', true) <> '' then
      perform set_config('lethe.moved', '', true); end if;`,
  };
};
