import type { TestDatabase } from "#test/support/database.ts";
import { withClient } from "#db/pool.ts";
import { to as copyTo } from "pg-copy-streams";

/** Text of every relation by name, `schema.relation`. */
export type Dump = ReadonlyMap<string, string>;

/**
 * Everything that a database holds in rows, as COPY prints it: the tables, partitions and materialised views of every
 * schema, the system's included (`pg_statistic` keeps values of rows that are gone), and `pg_stats`.
 */
export const dumpDatabase = async (database: TestDatabase): Promise<Dump> =>
  withClient(database.pool, async (client) => {
    const { rows } = await client.query<{ name: string; source: string }>(
      `select n.nspname || '.' || c.relname as name, format('select * from %I.%I', n.nspname, c.relname) as source
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname <> 'pg_toast'
       union all select 'pg_catalog.pg_stats', 'select * from pg_catalog.pg_stats' order by 1`,
    );
    const dump = new Map<string, string>();
    for (const { name, source } of rows) {
      const chunks: Buffer[] = [];
      for await (const chunk of client.query(copyTo(`copy (${source}) to stdout`))) chunks.push(chunk as Buffer);
      dump.set(name, Buffer.concat(chunks).toString("utf8"));
    }
    return dump;
  });

/** The tables of the database's owner: without those of PostgreSQL and without Lethe's journal. */
export const ownTables = (dump: Dump): ReadonlyMap<string, readonly string[]> =>
  new Map(
    [...dump]
      .filter(([name]) => !/^(pg_catalog|information_schema|lethe)\./.test(name))
      // The order in which rows lie in a table says nothing.
      .map(([name, text]) => [name, text.split("\n").toSorted()]),
  );

/** Where a value stands in a dump, however it is cased: names of relations, for messages without the value. */
export const relationsWith = (dump: Dump, value: string): readonly string[] =>
  [...dump].filter(([, text]) => text.toLowerCase().includes(value.toLowerCase())).map(([name]) => name);
