import { sql, type RawBuilder } from "kysely";
import { transformSql } from "#execute/transforms.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import type { ExpiryStep } from "#records/expiry.ts";
import type { ReadableHold } from "#records/hold.ts";
import type { Edge, Shape } from "#records/plan.ts";
import { fillScopes, type ScopeSubject } from "#scope/derive.ts";
import { firstChanged, isFree, rememberHeld } from "#scope/held-rows.ts";
import { LetheError } from "#lib/errors.ts";
import { and, column, refers, relationText, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

export type Expired = {
  readonly id: string;
  readonly plan: string;
  /** ISO instant. */
  readonly at: string;
  readonly timeZone: string;
  readonly limit: number;
  /** ISO date: where the search begins. What is older was looked at before, and waits. */
  readonly from: string;
};

/** An earlier date, and one that is infinite, tells nobody when the record was made: it is kept, as if there were none. */
export const earliest = "0001-01-01";

/** How many rows went, of how many that were found free to go, and the latest day of those: rows after it were not looked at. */
export type Gone = { readonly rows: number; readonly found: number; readonly last: string };

/** What stays, whatever its age: rows of people whom a legal hold protects, and rows that one covers. */
export type Protected = {
  readonly people: { readonly shape: Shape; readonly subjects: readonly ScopeSubject[] } | undefined;
  readonly rows: readonly ReadableHold[];
};

/** The session's temporary table of the places of a chunk, once; it empties itself at every commit. Never analysed: the planner counts pages. */
export const createDueTable = async ({ db }: StoreSession): Promise<void> => {
  await sql`create temporary table if not exists lethe_due (part oid not null, place tid not null, day date not null)
    on commit delete rows`.execute(db);
};

const due = sql.id("pg_temp", "lethe_due");

/**
 * Lets at most `limit` old rows of a table go, oldest first, in one transaction with the journal that says so: they are found by the clock, which
 * an index may serve, and reached again by their places.
 */
export const expireRows = (session: StoreSession, step: ExpiryStep, expired: Expired, held: Protected): Promise<Gone> =>
  inTransaction(session, "read-write", async () => {
    const { client, db } = session;
    if (held.people !== undefined) await fillScopes(client, db, held.people.shape, held.people.subjects);
    // What follows is estimated to cost far more than it does: compiling it would take longer than doing it.
    await client.query("set local jit = off");
    const { found, last } = await findFree(session, step, expired, held);
    if (found === 0) return { rows: 0, found, last };
    // PostgreSQL takes each place for a page to be fetched from a disk, and would rather read the whole table for every chunk.
    await client.query("set local enable_seqscan = off");
    const table = tableName(step.table);
    const clock = column("t", step.clock.column);
    // The same place is one of each table in a tree; by their days partitions are left out.
    const there = sql`d.part = t.tableoid and d.place = t.ctid
      and ${clock} >= (select min(day) from ${due}) and ${clock} < (select max(day) + 1 from ${due})`;
    // What is not retained any more is not restricted either.
    const restricts = step.restricted.length > 0;
    const key = restricts ? sql`, ${keyText(step)} as key` : sql``;
    const lifted = restricts
      ? sql`, lifted as (delete from lethe.restricted r using gone g where r.relation = ${relationText(step.table)}::regclass and r.key = g.key and g.day is not null)`
      : sql``;
    const gone =
      step.changes.length === 0
        ? sql`delete from ${table} t using ${due} d where ${there} returning ${clock}::date as day ${key}`
        : sql`update ${table} t set ${sql.join(step.changes.map((change) => sql`${sql.id(change.name)} = ${valueOf(step, change)}`))}
            from ${due} d where ${there} returning case when ${became(step)} then ${clock}::date end as day ${key}`;
    await rememberHeld(db, held.rows, step.writes, expired.timeZone);
    const { rows } = await sql<{ rows: number }>`with gone as (${gone}) ${lifted}
      insert into lethe.journal_expiry (id, plan, table_name, treatment, class, basis, through, rows, clock_first, clock_last, committed_at)
      select ${expired.id}, ${expired.plan}, ${step.table}, ${treatmentOf(step)}, ${step.class}, ${step.basis}, ${step.through}::date,
        count(day), min(day), max(day), ${expired.at} from gone having count(day) > 0 returning rows`.execute(db);
    // Triggers that wait for the commit have their say before it.
    if (step.writes.length > 0) await client.query("set constraints all immediate");
    const changed = await firstChanged(db, held.rows, step.writes);
    if (changed === undefined) return { rows: rows[0]?.rows ?? 0, found, last };
    throw new LetheError(
      "HOLD_WOULD_CHANGE",
      `triggers of ${step.table} would change rows that hold ${changed.ref} covers`,
      {
        hint: "old rows of the table stay until the hold is released",
      },
    );
  });

/** The key of the row `t`, as restricted rows are entered. */
const keyText = ({ restricted }: ExpiryStep): RawBuilder<unknown> => {
  const keys = sql.join(restricted.map((name) => column("t", name)));
  return restricted.length === 1 ? sql`${keys}::text` : sql`row(${keys})::text`;
};

/** Rows that are due and already are what they would have become are not restricted any more either. */
export const liftRestrictions = (
  session: StoreSession,
  step: ExpiryStep,
  expired: Pick<Expired, "timeZone">,
  held: Protected,
): Promise<void> =>
  inTransaction(session, "read-write", async () => {
    const { client, db } = session;
    if (held.people !== undefined) await fillScopes(client, db, held.people.shape, held.people.subjects);
    const as = step.changes.map(
      (change) => sql`${column("t", change.name)} is not distinct from ${valueOf(step, change)}`,
    );
    const over = and([
      isDue(step, "t", expired.timeZone),
      ...as,
      ...isFree(held.rows, step.table, "t", expired.timeZone),
      ...protectedRows(step, held),
    ]);
    await sql`delete from lethe.restricted r using ${tableName(step.table)} t
      where r.relation = ${relationText(step.table)}::regclass and r.key = ${keyText(step)} and ${over}`.execute(db);
  });

const findFree = async (
  { db }: StoreSession,
  step: ExpiryStep,
  expired: Expired,
  held: Protected,
): Promise<Omit<Gone, "rows">> => {
  const clock = column("t", step.clock.column);
  const { rows } = await sql<Omit<Gone, "rows">>`with free as (
      insert into ${due} select t.tableoid, t.ctid, ${clock}::date from ${tableName(step.table)} t
      where ${and(freeRows(step, expired, held))} order by ${clock} limit ${expired.limit} returning day)
    select count(*) as found, coalesce(max(day), ${expired.from}::date) as last from free`.execute(db);
  return rows[0] ?? { found: 0, last: expired.from };
};

const treatmentOf = ({ changes }: ExpiryStep): "erase" | "anonymise" => (changes.length === 0 ? "erase" : "anonymise");

/**
 * The row `t` is due: its clock is of that day or earlier. A time lies in that day by the controller's clocks and by UTC, by which clocks are told
 * elsewhere: the one that keeps longer.
 */
const isDue = (
  { clock: { column: name, type }, through }: Pick<ExpiryStep, "clock" | "through">,
  alias: string,
  timeZone: string,
): RawBuilder<unknown> => {
  const value = column(alias, name);
  const told = sql`${value} >= ${earliest}::date`;
  if (type === "date") return sql`${told} and ${value} <= ${through}::date`;
  const next = sql`(${through}::date + 1)::timestamp`;
  if (!type.endsWith("with time zone")) return sql`${told} and ${value} < ${next}`;
  return sql`${told} and ${value} < least(${next} at time zone 'UTC', ${next} at time zone ${timeZone}::text)`;
};

/** Due, different from what it is to become, and free: nothing that stays refers to it, and what it is a part of is due as well. */
const freeRows = (step: ExpiryStep, { from, timeZone }: Expired, held: Protected): readonly RawBuilder<unknown>[] => [
  isDue(step, "t", timeZone),
  sql`${column("t", step.clock.column)} >= ${from}::date`,
  ...(step.changes.length === 0
    ? []
    : [
        sql`(${sql.join(
          step.changes.map((change) => sql`${column("t", change.name)} is distinct from ${valueOf(step, change)}`),
          sql` or `,
        )})`,
      ]),
  ...step.users.map((edge) => sql`not exists (select from ${tableName(edge.table)} u where ${refers(edge, "u", "t")})`),
  ...step.wholes.map(
    ({ edge, clock, through }) => sql`not exists (select from ${tableName(edge.to.table)} w
      where ${refers(edge, "t", "w")} and (${isDue({ clock, through }, "w", timeZone)}) is not true ${oneByOne(edge)})`,
  ),
  ...isFree(held.rows, step.table, "t", timeZone),
  ...protectedRows(step, held),
];

/**
 * That a part is as old as its whole PostgreSQL cannot know: it expects that hardly a part is free, and reads all the wholes to find out, for
 * every chunk. OFFSET keeps it from joining; each whole is then looked up by the key that a foreign key refers to, which has an index. What
 * a link refers to may have none.
 */
const oneByOne = ({ declared }: Edge): RawBuilder<unknown> => (declared === "foreign-key" ? sql`offset 0` : sql``);

const protectedRows = ({ table }: ExpiryStep, { people }: Protected): readonly RawBuilder<unknown>[] => {
  const scope = people && scopeOf(people.shape, table);
  if (people === undefined || scope === undefined) return [];
  return [sql`not exists (select from ${scopeTable(people.shape, table)} s where ${sameRow(scope, "t", "s")})`];
};

/** The row that is stored says what it was set to: a trigger may say otherwise, and then it is still due. */
const became = (step: ExpiryStep): RawBuilder<unknown> =>
  and(step.changes.map((change) => sql`${column("t", change.name)} is not distinct from ${valueOf(step, change)}`));

const valueOf = ({ table }: ExpiryStep, change: ExpiryStep["changes"][number]): RawBuilder<unknown> =>
  transformSql(change, {
    row: "t",
    subject: "t",
    table,
    key: sql`''`,
    seed: "",
    // Old rows are set or truncated, which need no moment.
    now: { instant: "", day: "" },
  });
