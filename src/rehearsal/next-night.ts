import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context, Store } from "#context.ts";
import { readCatalog } from "#catalog/read.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { expiringClasses } from "#plan/expiry.ts";
import { erasableFrom } from "#policy/retention.ts";
import { tableName } from "#scope/sql.ts";
import { dayIn } from "#lib/clock.ts";

/**
 * The next day after `today` in whose night something can happen though nobody does anything meanwhile: rows become due, a backup is past its
 * retention, a time of grace or a hold is over, a request is due. Null when nothing will. What a night found and left waiting is
 * not looked at again by itself.
 */
export const nextNight = async (ctx: Context, today: Temporal.PlainDate): Promise<Temporal.PlainDate | null> => {
  const days = [...(await ourDays(ctx, today))];
  for (const store of ctx.stores) days.push(...(await rowDays(ctx, store, today)));
  return (
    days
      .filter((day) => Temporal.PlainDate.compare(day, today) > 0)
      .toSorted((a, b) => Temporal.PlainDate.compare(a, b))[0] ?? null
  );
};

/** When the oldest row that is not due yet will be, table by table: by the same rule by which the night tells. */
const rowDays = (
  ctx: Context,
  { pool, policy, name, config }: Store,
  today: Temporal.PlainDate,
): Promise<readonly Temporal.PlainDate[]> =>
  withClient(pool, async (client) => {
    const catalog = await readCatalog(client, { store: name, schemas: config.schemas });
    const days: Temporal.PlainDate[] = [];
    for (const { table, clock, cls, through } of expiringClasses(policy, catalog, today)) {
      const value = sql.id(clock.column);
      // Of a time the later of both days by which clocks are told.
      const told = clock.type.endsWith("with time zone")
        ? sql`greatest((${value} at time zone 'UTC')::date, (${value} at time zone ${ctx.config.controller.timeZone}::text)::date)`
        : sql`${value}::date`;
      const { rows } = await sql<{
        day: string | null;
      }>`select min(told) as day from (select ${told} as told from ${tableName(table)}
        where ${value} >= '0001-01-01' and ${value} < '9999-12-31') t where told > ${through.toString()}::date`.execute(
        kyselyOn(client),
      );
      const day = rows[0]?.day;
      if (day !== null && day !== undefined) days.push(atLeast(erasableFrom(cls, Temporal.PlainDate.from(day)), today));
    }
    return days;
  });

const atLeast = (day: Temporal.PlainDate, today: Temporal.PlainDate): Temporal.PlainDate =>
  Temporal.PlainDate.compare(day, today) > 0 ? day : today.add({ days: 1 });

/** When the nights of a rehearsal begin. */
export const beginning = "02:30";

/** The day of the first night that begins then or later. */
const nightOf = (at: Temporal.Instant, timeZone: string): Temporal.PlainDate => {
  const day = dayIn(at, timeZone);
  const night = day.toZonedDateTime({ timeZone, plainTime: beginning }).toInstant();
  return Temporal.Instant.compare(at, night) <= 0 ? day : day.add({ days: 1 });
};

const ourDays = async (ctx: Context, today: Temporal.PlainDate): Promise<readonly Temporal.PlainDate[]> => {
  const { backups, controller } = ctx.config;
  const begun = today.toZonedDateTime({ timeZone: controller.timeZone, plainTime: beginning }).toInstant().toString();
  const { rows } = await sql<{ day: string | null; at: string | null }>`
    select null::date as day, min(taken_at + repository.keep_days * interval '24 hours')
        filter (where taken_at + repository.keep_days * interval '24 hours' > ${begun}) as at from lethe.backup_set held
      join unnest(${backups.map(({ name }) => name)}::text[], ${backups.map(({ keepDays }) => keepDays)}::int[]) as repository (name, keep_days)
        on repository.name = held.repository where held.state in ('listed', 'condemned')
    union all select null, min(scheduled_for) from lethe.request where state = 'scheduled' and scheduled_for > ${begun}
    union all select min(until_on) + 1, null from lethe.hold where released_at is null
    union all select min(due_on) + 1, null from lethe.request where due_on >= ${today.toString()}::date
      and state in ('received', 'verified', 'approved', 'scheduled', 'erasing', 'blocked', 'held')`.execute(
    ctx.state.db,
  );
  return rows.flatMap(({ day, at }) => {
    if (day !== null) return [Temporal.PlainDate.from(day)];
    return at === null ? [] : [nightOf(Temporal.Instant.from(at), controller.timeZone)];
  });
};
