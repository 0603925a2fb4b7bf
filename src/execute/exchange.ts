import { sql, type Kysely } from "kysely";
import { sqlFailureOf } from "#db/database-error.ts";
import { ExchangeError } from "#execute/failure.ts";
import type { Step } from "#records/plan.ts";
import { drawnIn } from "#scope/drawn.ts";
import { relationText } from "#scope/sql.ts";

/** Of a table and its partitions, by name: constraints and unique or exclusion indexes that depend on columns whose values a step exchanges. */
export const boundBy = async (db: Kysely<unknown>, step: Step): Promise<ReadonlySet<string>> => {
  const names = drawnIn(step).flatMap(({ name, transform: { kind } }) => (kind === "shuffle" ? [name] : []));
  if (names.length === 0) return new Set();
  const { rows } = await sql<{ name: string }>`
    with relation as (select ${relationText(step.table)}::regclass::oid as oid),
    exchanged as (select a.attrelid, a.attnum from pg_attribute a where a.attname = any (${names}::text[]) and a.attrelid in (
      select oid from relation union select p.relid from relation cross join lateral pg_partition_tree(oid) p))
    select o.conname as name from pg_constraint o join exchanged e on e.attrelid = o.conrelid and e.attnum = any (o.conkey) where o.contype = 'c'
    union
    select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid join exchanged e on e.attrelid = i.indrelid
    where (i.indisunique or i.indisexclusion) and (e.attnum = any (i.indkey::int2[])
      or exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
        and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = e.attnum))`.execute(db);
  return new Set(rows.map(({ name }) => name));
};

/** What a step has thrown, as what it means for the batch. */
export const exchangeFailure = (error: unknown, bound: ReadonlySet<string>): unknown => {
  const violated = sqlFailureOf(error);
  return violated?.constraint !== undefined && bound.has(violated.constraint) ? new ExchangeError(violated) : error;
};
