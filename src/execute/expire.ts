import { sql, type RawBuilder } from "kysely";
import { transformSql } from "#execute/transforms.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import type { ExpiryStep } from "#records/expiry.ts";
import type { ReadableHold } from "#records/hold.ts";
import type { Shape } from "#records/plan.ts";
import { deriveScopes, type ScopeSubject } from "#scope/derive.ts";
import { isFree } from "#scope/held-rows.ts";
import { and, column, refers, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

export type Expired = {
  readonly id: string;
  readonly plan: string;
  /** ISO instant. */
  readonly at: string;
  readonly timeZone: string;
  readonly limit: number;
};

/** What stays, whatever its age: rows of people whom a legal hold protects, and rows that one covers. */
export type Protected = {
  readonly people: { readonly shape: Shape; readonly subjects: readonly ScopeSubject[] } | undefined;
  readonly rows: readonly ReadableHold[];
};

/**
 * Lets at most `limit` old rows of a table go, oldest first, in one transaction with the journal that says so. One statement: the due rows are
 * read by the clock, which an index may serve. Returns how many went.
 */
export const expireRows = (
  session: StoreSession,
  step: ExpiryStep,
  expired: Expired,
  held: Protected,
): Promise<number> =>
  inTransaction(session, "read-write", async () => {
    const { client, db } = session;
    if (held.people !== undefined) await deriveScopes(client, db, held.people.shape, held.people.subjects);
    const clock = sql`${column("t", step.clock.column)}::date`;
    const due = sql`select t.tableoid as part, t.ctid as place from ${tableName(step.table)} t
      where ${and(freeRows(step, expired.timeZone, held))} order by ${column("t", step.clock.column)} limit ${expired.limit}`;
    const gone =
      step.changes.length === 0
        ? sql`delete from ${tableName(step.table)} t using due d where t.tableoid = d.part and t.ctid = d.place returning ${clock} as clock`
        : sql`update ${tableName(step.table)} t set ${sql.join(step.changes.map((change) => sql`${sql.id(change.name)} = ${valueOf(step, change)}`))}
            from due d where t.tableoid = d.part and t.ctid = d.place
            returning case when ${became(step)} then ${clock} end as clock`;
    const { numAffectedRows } = await sql`with due as materialized (${due}), gone as (${gone})
      insert into lethe.journal_expiry (id, plan, table_name, treatment, class, basis, through, rows, clock_first, clock_last, committed_at)
      select ${expired.id}, ${expired.plan}, ${step.table}, ${treatmentOf(step)}, ${step.class}, ${step.basis}, ${step.through}::date,
        count(clock), min(clock), max(clock), ${expired.at} from gone having count(clock) > 0`.execute(db);
    if (Number(numAffectedRows ?? 0) === 0) return 0;
    const { rows } = await sql<{
      rows: number;
    }>`select rows from lethe.journal_expiry where id = ${expired.id}`.execute(db);
    return rows[0]?.rows ?? 0;
  });

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
  if (type === "date") return sql`${value} <= ${through}::date`;
  const next = sql`(${through}::date + 1)::timestamp`;
  if (!type.endsWith("with time zone")) return sql`${value} < ${next}`;
  return sql`${value} < least(${next} at time zone 'UTC', ${next} at time zone ${timeZone}::text)`;
};

/** Due, different from what it is to become, and free: nothing that stays refers to it, and what it is a part of is due as well. */
const freeRows = (step: ExpiryStep, timeZone: string, held: Protected): readonly RawBuilder<unknown>[] => [
  isDue(step, "t", timeZone),
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
      where ${refers(edge, "t", "w")} and (${isDue({ clock, through }, "w", timeZone)}) is not true)`,
  ),
  ...isFree(held.rows, step.table, "t", timeZone),
  ...protectedRows(step, held),
];

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
