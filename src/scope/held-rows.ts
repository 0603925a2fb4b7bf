import { sql, type Kysely, type RawBuilder } from "kysely";
import type { HeldRows, ReadableHold } from "#records/hold.ts";
import { remediesOf, type Shape } from "#records/plan.ts";
import { and, column, refers, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";
import { remedyTable } from "#scope/stopped.ts";

/**
 * The row `alias` is one that the hold covers. A time lies on a day by the controller's clocks or by UTC, whichever covers more; a row without
 * a date may be of any day. What is destroyed cannot be produced: in doubt the row is covered.
 */
export const isCovered = (
  { clock, from, to }: Pick<ReadableHold, "clock" | "from" | "to">,
  alias: string,
  timeZone: string,
): RawBuilder<unknown> => {
  if (clock === null) return sql`true`;
  const value = column(alias, clock.column);
  const begins = (day: string): RawBuilder<unknown> => sql`${day}::date::timestamp`;
  const ends = (day: string): RawBuilder<unknown> => sql`(${day}::date + 1)::timestamp`;
  const zoned = (which: "least" | "greatest", moment: RawBuilder<unknown>): RawBuilder<unknown> =>
    clock.type.endsWith("with time zone")
      ? sql`${sql.raw(which)}(${moment} at time zone 'UTC', ${moment} at time zone ${timeZone}::text)`
      : moment;
  const within = and([
    ...(from === null ? [] : [sql`${value} >= ${zoned("least", begins(from))}`]),
    ...(to === null ? [] : [sql`${value} < ${zoned("greatest", ends(to))}`]),
  ]);
  return sql`(${value} is null or (${within}))`;
};

/** Conditions under which no hold covers the row `alias` of `table`. */
export const isFree = (
  holds: readonly ReadableHold[],
  table: string,
  alias: string,
  timeZone: string,
): readonly RawBuilder<unknown>[] =>
  holds.filter((hold) => hold.table === table).map((hold) => sql`not ${isCovered(hold, alias, timeZone)}`);

/**
 * Whose rows of the batch holds cover: rows in scope, rows that a remedy would change, and rows of nobody in it that would be cut loose from what
 * goes. Reads the scope tables, in the caller's transaction.
 */
export const readHeld = async (
  db: Kysely<unknown>,
  shape: Shape,
  holds: readonly ReadableHold[],
  timeZone: string,
): Promise<readonly HeldRows[]> => {
  const parts = holds.flatMap((hold) =>
    rowsOf(shape, hold.table).map(
      ({
        request,
        from,
      }) => sql`select ${request} as request, ${hold.table}::text as "table", ${hold.matter}::text as matter,
          t.tableoid, t.ctid from ${from} where ${isCovered(hold, "t", timeZone)}`,
    ),
  );
  if (parts.length === 0) return [];
  const { rows } = await sql<HeldRows>`select request, "table", count(distinct (tableoid, ctid)) as rows,
      array_agg(distinct matter order by matter) as matters
    from (${sql.join(parts, sql` union all `)}) covered group by request, "table" order by request, "table"`.execute(
    db,
  );
  return rows;
};

type Rows = { readonly request: RawBuilder<unknown>; readonly from: RawBuilder<unknown> };

/** The rows `t` of a table that the batch may change. */
const rowsOf = (shape: Shape, table: string): readonly Rows[] => {
  const t = tableName(table);
  const scope = scopeOf(shape, table);
  const own =
    scope === undefined
      ? []
      : [
          {
            request: sql`s.request`,
            from: sql`${scopeTable(shape, table)} s join ${t} t on ${sameRow(scope, "t", "s")}`,
          },
        ];
  const remedied = remediesOf(shape).flatMap(({ table: changed, remedy }, position): Rows[] =>
    changed === table
      ? [{ request: sql`z.request`, from: sql`${remedyTable(position)} z join ${t} t on ${sameRow(remedy, "t", "z")}` }]
      : [],
  );
  const mentions = shape.steps.flatMap((step): Rows[] => {
    if (step.kind !== "cut" || step.why !== "mention" || step.table !== table) return [];
    const to = step.edge.to.table;
    const target = scopeOf(shape, to);
    if (target === undefined) return [];
    const from = sql`${scopeTable(shape, to)} p join ${tableName(to)} q on ${sameRow(target, "q", "p")} join ${t} t on ${refers(step.edge, "t", "q")}`;
    return [{ request: sql`p.request`, from }];
  });
  return [...own, ...remedied, ...mentions];
};

/** Takes covered rows out of the batch: no statement of it finds them any more. */
export const leaveOutHeld = async (
  db: Kysely<unknown>,
  shape: Shape,
  holds: readonly ReadableHold[],
  timeZone: string,
): Promise<void> => {
  for (const hold of holds) {
    const scope = scopeOf(shape, hold.table);
    if (scope === undefined) continue;
    await sql`delete from ${scopeTable(shape, hold.table)} s using ${tableName(hold.table)} t
      where ${sameRow(scope, "t", "s")} and ${isCovered(hold, "t", timeZone)}`.execute(db);
  }
};

/** The subjects whose deletion needs a remedy. */
export const readRemedied = async (db: Kysely<unknown>, shape: Shape): Promise<ReadonlySet<number>> => {
  const parts = remediesOf(shape).map((_, position) => sql`select request from ${remedyTable(position)}`);
  if (parts.length === 0) return new Set();
  const { rows } = await sql<{ request: number }>`${sql.join(parts, sql` union `)}`.execute(db);
  return new Set(rows.map(({ request }) => request));
};

const remembered = sql.id("pg_temp", "lethe_held");

/** Holds on tables that something else than a statement of ours may change: a trigger, or a foreign key's own action. */
const reachable = (holds: readonly ReadableHold[], tables: readonly string[]): readonly ReadableHold[] =>
  holds.filter(({ table }) => tables.includes(table));

/** Remembers, in the caller's transaction, what covered rows of `tables` say. Reads the tables: only where something else may change them. */
export const rememberHeld = async (
  db: Kysely<unknown>,
  holds: readonly ReadableHold[],
  tables: readonly string[],
  timeZone: string,
): Promise<void> => {
  const some = reachable(holds, tables);
  if (some.length === 0) return;
  await sql`create temporary table lethe_held (hold text not null, said bigint not null) on commit drop`.execute(db);
  for (const hold of some)
    await sql`insert into ${remembered} select ${hold.ref}, hashtextextended(t::text, 0) from ${tableName(hold.table)} t
      where ${isCovered(hold, "t", timeZone)}`.execute(db);
};

/** The first of the holds of whose rows one is no longer what was remembered; new rows are no matter. */
export const firstChanged = async (
  db: Kysely<unknown>,
  holds: readonly ReadableHold[],
  tables: readonly string[],
): Promise<ReadableHold | undefined> => {
  for (const hold of reachable(holds, tables)) {
    const { rows } = await sql<{
      changed: boolean;
    }>`select exists (select said from ${remembered} where hold = ${hold.ref}
      except all select hashtextextended(t::text, 0) from ${tableName(hold.table)} t) as changed`.execute(db);
    if (rows[0]?.changed === true) return hold;
  }
  return undefined;
};
