import { sql, type Kysely, type RawBuilder } from "kysely";
import { measuredAnew } from "#anonymity/measure-rule.ts";
import { readClockIndexes } from "#catalog/clock-index.ts";
import { readCatalog } from "#catalog/read.ts";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { ExpiryPlan, ExpiryStep } from "#records/expiry.ts";
import type { Run } from "#records/run.ts";
import { measureAnonymity } from "#verify/anonymity.ts";
import { endRetention, type StillThere } from "#verify/ended.ts";
import { recordMeasures } from "#verify/record-measures.ts";

/**
 * Reads back, by other code and in a transaction that can write nothing, what of a store's old rows is still there: due and waiting for
 * something, or without a clock. Of these a report says that they stay (I12); none goes silently, and none stays silently. In whose classes or
 * records rows of `expired` tables were is measured anew: who was hidden among them is hidden less.
 */
export const verifyExpired = async (
  ctx: Context,
  run: Run,
  store: Store,
  plan: ExpiryPlan,
  expired: ReadonlySet<string>,
): Promise<void> => {
  const found = await withClient(store.pool, async (client) => {
    const db = kyselyOn(client);
    await client.query("begin isolation level repeatable read read only");
    await client.query("set local row_security = off");
    const clocked = plan.steps.map(({ table, clock }) => ({ table, clock: clock.column }));
    const indexes = new Map((await readClockIndexes(client, clocked)).map((index) => [index.table, index]));
    const rest: object[] = [];
    const there: StillThere[] = [];
    for (const step of plan.steps) {
      const clock = sql.id(step.clock.column);
      const isDue = sql`${clock} >= '0001-01-01' and ${isOver(ctx, step)} and ${unchanged(step)}`;
      // What is infinite, or lies outside the years that a date can name, says no more than none.
      const isWithout = sql`(${clock} is null or ${clock} < '0001-01-01' or ${clock} >= '10000-01-01')`;
      // Both by one reading of the index, and of the table where there is none.
      const { rows } = await sql<{ due: number; without: number }>`select
        count(*) filter (where ${isDue}) as due, count(*) filter (where ${isWithout}) as without
        from ${named(step.table)} where ${isDue} or ${isWithout}`.execute(db);
      const [row] = rows;
      if (row === undefined) continue;
      rest.push({ ...indexes.get(step.table), ...row });
      if (step.class !== null)
        there.push({ step, days: row.due === 0 ? [] : await daysOf(db, step, isDue, ctx.config.controller.timeZone) });
    }
    const anew = measuredAnew(store.policy, expired);
    const anonymity =
      anew.size === 0
        ? []
        : await measureAnonymity(
            ctx,
            db,
            store,
            await readCatalog(client, { store: store.name, schemas: store.config.schemas }),
            anew,
          );
    await client.query("commit");
    return { rest, there, anonymity };
  });
  // Before what says that this was looked for: a run that dies here leaves it to the next.
  if (found.anonymity.length > 0) await recordMeasures(ctx, run, found.anonymity);
  await sql`insert into lethe.expiry_rest (run_id, store, table_name, due, without_clock, indexed, proposal)
    select ${run.id}, ${store.name}, "table", due, without, indexed, proposal
    from jsonb_to_recordset(${JSON.stringify(found.rest)}::jsonb)
      as x ("table" text, due bigint, without bigint, indexed boolean, proposal text[])
    on conflict (run_id, store, table_name) do update set due = excluded.due, without_clock = excluded.without_clock,
      indexed = excluded.indexed, proposal = excluded.proposal`.execute(ctx.state.db);
  await endRetention(ctx, run, store, { day: plan.day, tables: found.there });
};

/** The days of rows that are due and still there: few, however many rows there are. */
const daysOf = async (
  db: Kysely<unknown>,
  { table, clock }: ExpiryStep,
  isDue: RawBuilder<unknown>,
  timeZone: string,
): Promise<readonly string[]> => {
  const { rows } = await sql<{
    day: string;
  }>`select ${laterDay(clock, timeZone)} as day from ${named(table)} where ${isDue} group by 1`.execute(db);
  return rows.map(({ day }) => day);
};

/** The day of a row, as its period is counted from it: of a time the later one, by the controller's clocks or by UTC. */
const laterDay = ({ column, type }: ExpiryStep["clock"], timeZone: string): RawBuilder<unknown> => {
  const value = sql.id(column);
  return type.endsWith("with time zone")
    ? sql`greatest((${value} at time zone 'UTC')::date, (${value} at time zone ${timeZone}::text)::date)`
    : sql`${value}::date`;
};

/** A time is over when its day is, by the controller's clocks and by UTC. The column stands alone, so that an index serves. */
const isOver = ({ config }: Context, { clock: { column, type }, through }: ExpiryStep) => {
  const value = sql.id(column);
  if (type === "date") return sql`${value} <= ${through}::date`;
  const zones = type.endsWith("with time zone") ? ["UTC", config.controller.timeZone] : [];
  const ends = zones.map((zone) => sql`((${through}::date + 1)::timestamp at time zone ${zone}::text)`);
  return ends.length === 0
    ? sql`${value} < ${through}::date + 1`
    : sql`${sql.join(
        ends.map((end) => sql`${value} < ${end}`),
        sql` and `,
      )}`;
};

/** Of rows that stay: whether a column says something else than it was set to, or is finer than it was cut to. */
const unchanged = ({ changes }: ExpiryStep) => {
  if (changes.length === 0) return sql`true`;
  const others = changes.flatMap(({ name, type, transform }) => {
    const value = sql.id(name);
    switch (transform.kind) {
      case "null":
        return [sql`${value} is not null`];
      case "constant":
        // As the column's type has it: 0 is 0.00 there. JSON alone cannot be compared so.
        return type === "json"
          ? [sql`${value}::text is distinct from ${String(transform.value)}::text`]
          : [sql`${value} is distinct from cast(${String(transform.value)}::text as ${sql.raw(type)})`];
      case "truncate": {
        const moment = type.endsWith("with time zone")
          ? sql`(${value} at time zone ${sql.lit(transform.zone ?? "UTC")})`
          : sql`${value}::timestamp`;
        return [sql`date_trunc(${sql.lit(transform.to)}, ${moment}) <> ${moment}`];
      }
      default:
        return [];
    }
  });
  return others.length === 0 ? sql`false` : sql`(${sql.join(others, sql` or `)})`;
};

const named = (table: string) => sql`${sql.id(...(table.includes(".") ? table.split(".", 2) : ["public", table]))}`;
