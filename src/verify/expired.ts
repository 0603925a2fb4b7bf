import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { ExpiryPlan, ExpiryStep } from "#records/expiry.ts";
import type { Run } from "#records/run.ts";

/**
 * Reads back, by other code and in a transaction that can write nothing, what of a store's old rows is still there: due and waiting for
 * something, or without a clock. Of these a report says that they stay (I12); none goes silently, and none stays silently.
 */
export const verifyExpired = async (ctx: Context, run: Run, store: Store, plan: ExpiryPlan): Promise<void> => {
  const found = await withClient(store.pool, async (client) => {
    const db = kyselyOn(client);
    await client.query("begin isolation level repeatable read read only");
    await client.query("set local row_security = off");
    const rest: { table: string; due: number; without: number; indexed: boolean }[] = [];
    for (const step of plan.steps) {
      const { rows } = await sql<{ due: number; without: number; indexed: boolean }>`select
        (select count(*) from ${named(step.table)} where ${dayOf(ctx, step)} <= ${step.through}::date and ${unchanged(step)}) as due,
        (select count(*) from ${named(step.table)} where ${sql.id(step.clock.column)} is null) as without,
        exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
          where i.indrelid = ${regclassOf(step)}::regclass and a.attname = ${step.clock.column} and i.indisvalid) as indexed`.execute(
        db,
      );
      const [row] = rows;
      if (row !== undefined) rest.push({ table: step.table, ...row });
    }
    await client.query("commit");
    return rest;
  });
  await sql`insert into lethe.expiry_rest (run_id, store, table_name, due, without_clock, held, indexed)
    select ${run.id}, ${store.name}, "table", due, without, 0, indexed
    from jsonb_to_recordset(${JSON.stringify(found)}::jsonb) as x ("table" text, due bigint, without bigint, indexed boolean)
    on conflict (run_id, store, table_name) do update set due = excluded.due, without_clock = excluded.without_clock`.execute(
    ctx.state.db,
  );
};

/** The day of the clock: of a time the later one, by the controller's clocks or by UTC. */
const dayOf = ({ config }: Context, { clock: { column, type } }: ExpiryStep) => {
  const value = sql.id(column);
  if (!type.endsWith("with time zone")) return sql`${value}::date`;
  return sql`greatest((${value} at time zone 'UTC')::date, (${value} at time zone ${config.controller.timeZone}::text)::date)`;
};

/** Of rows that stay: whether a column says something else than it was set to. What was cut or made coarser cannot be told from it. */
const unchanged = ({ changes }: ExpiryStep) => {
  if (changes.length === 0) return sql`true`;
  const others = changes.flatMap(({ name, transform }) =>
    transform.kind === "null"
      ? [sql`${sql.id(name)} is not null`]
      : transform.kind === "constant"
        ? [sql`${sql.id(name)}::text is distinct from ${String(transform.value)}::text`]
        : [],
  );
  return others.length === 0 ? sql`false` : sql`(${sql.join(others, sql` or `)})`;
};

const named = (table: string) => {
  const [schema, name] = table.includes(".") ? table.split(".", 2) : ["public", table];
  return sql.id(schema ?? "", name ?? "");
};

const regclassOf = ({ table }: ExpiryStep): string =>
  (table.includes(".") ? table.split(".", 2) : ["public", table])
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".");
