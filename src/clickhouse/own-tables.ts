import { sql } from "kysely";
import { ownNames, ownPrefix, tableIn } from "#clickhouse/sql.ts";
import type { ColumnStore, Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { uuidFrom } from "#lib/random.ts";

/**
 * Notes in Lethe's own database, before there is any, whose tables will begin with an id: only such tables are ever dropped, since others may
 * belong to somebody else, or hold rows of a batch that another Lethe has half done.
 */
export const claimTables = async (ctx: Context, { name }: ColumnStore): Promise<string> => {
  const id = uuidFrom(ctx.random(16));
  await sql`insert into lethe.column_batch (id, store) values (${id}, ${name})`.execute(ctx.state.db);
  return id;
};

/** Drops the tables of an id, at once: a database of engine Atomic else keeps them for some minutes. */
export const dropTables = async (ctx: Context, { client }: ColumnStore, id: string): Promise<void> => {
  const { database } = client;
  for (const name of await tablesOf(client, `^${ownPrefix(id)}`)) {
    await client.run(`drop table if exists ${tableIn(database, name)} sync`);
  }
  await sql`delete from lethe.column_batch where id = ${id}`.execute(ctx.state.db);
};

/** Works with tables of our own that nobody needs afterwards. */
export const withTables = async <T>(ctx: Context, store: ColumnStore, work: (id: string) => Promise<T>): Promise<T> => {
  const id = await claimTables(ctx, store);
  try {
    return await work(id);
  } finally {
    await dropTables(ctx, store, id);
  }
};

/** Tables that look like ours and that nobody here has noted: whose they are, and what is in them, only a person can find out. */
export const refuseUnknown = async (ctx: Context, { client, name }: ColumnStore): Promise<void> => {
  const known = await sql<{ id: string }>`select id from lethe.column_batch`.execute(ctx.state.db);
  const prefixes = known.rows.map(({ id }) => ownPrefix(id));
  const stray = (await tablesOf(client, ownNames)).find(
    (table) => !prefixes.some((prefix) => table.startsWith(prefix)),
  );
  if (stray === undefined) return;
  throw new LetheError(
    "COLUMNS_UNDECIDED",
    `store ${name}: ${stray} is a table of a batch that is not on record here`,
    {
      hint: "another Lethe works on the database, or did until its records were lost: `_staged_` tables hold rows that belong into the store; move or drop them",
    },
  );
};

const tablesOf = async (client: ColumnStore["client"], pattern: string): Promise<readonly string[]> => {
  const rows = await client.rows<{ name: string }>(
    "select name from system.tables where database = {database:String} and match(name, {pattern:String}) order by name",
    { database: client.database, pattern },
  );
  return rows.map(({ name }) => name);
};
