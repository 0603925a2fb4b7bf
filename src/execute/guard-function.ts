import { createHash } from "node:crypto";
import { sql, type RawBuilder } from "kysely";
import { ownEquality } from "#execute/own-equality.ts";
import type { StoreSession } from "#execute/store-session.ts";
import type { Edge, Shape } from "#records/plan.ts";
import { and, bearsMark, column, same, tableName } from "#scope/sql.ts";

/** A trigger of ours and the function that it calls. It fires whatever columns the statement names: other triggers may change more. */
export type Guard = {
  readonly trigger: "lethe_refuse" | "lethe_mark";
  readonly table: string;
  readonly fires: "after insert or update" | "before update";
  readonly functionName: string;
  /** PL/pgSQL between BEGIN and END. */
  readonly body: RawBuilder<unknown>;
};

/** None where the policy names no table that takes no new row for a subject who is marked. */
export const guardsOf = async (session: StoreSession, shape: Shape): Promise<readonly Guard[]> => {
  const guards: Guard[] = [];
  for (const [table, edges] of Map.groupBy(shape.deletion.refuse, (edge) => edge.table)) {
    guards.push(await refusal(session, shape, table, edges));
  }
  return guards.length === 0 ? [] : [...guards, await marking(session, shape)];
};

const functionName = (verb: string, table: string): string =>
  `${verb}_${createHash("sha256").update(table).digest("hex").slice(0, 16)}`;

/** The columns that say whose a row is. */
const watched = ({ columns, where }: Edge): readonly string[] => [...columns, ...Object.keys(where)];

/**
 * Refuses a row that is stored for a marked subject. It locks the subject's row before it looks at the mark, marked or not: it waits for
 * whoever is marking it, and whoever is about to waits for the new row's transaction. Only a statement of its own sees a mark that was
 * waited for; in a transaction on one snapshot the lock itself fails (40001) when the row has changed since.
 *
 * The lock is the one that a foreign key takes: anything stronger would let two new rows of one subject stand in each other's way as soon
 * as their transactions change the subject, and they would end in a deadlock.
 */
const refusal = async (
  { db }: StoreSession,
  { root, deletion }: Shape,
  table: string,
  edges: readonly Edge[],
): Promise<Guard> => {
  const marked = bearsMark(deletion.mark, "s");
  const checks: RawBuilder<unknown>[] = [];
  for (const edge of edges) {
    const named = await namesSubject(db, edge);
    // Programs that save a row write its columns all, the unchanged ones, too.
    checks.push(sql`if tg_op = 'INSERT' or ${image(edge, "new")} *<> ${image(edge, "old")} then
    perform from ${tableName(root.table)} s where ${named} for key share;
    perform from ${tableName(root.table)} s where ${named} and ${marked};
    if found then
      raise exception using errcode = 'integrity_constraint_violation', table = ${sql.lit(table)}, constraint = 'lethe_refuse',
        message = ${sql.lit(`${table} takes no new row for a subject that is marked as deleted`)},
        hint = 'reactivate the subject first';
    end if;
    end if;`);
  }
  return {
    trigger: "lethe_refuse",
    table,
    // When the row is stored: triggers that come before may still say whose it is.
    fires: "after insert or update",
    functionName: functionName("refuse", table),
    body: sql.join(checks, sql` `),
  };
};

/**
 * Whoever marks a subject takes the lock that a new row's lock waits for, and waits for it. To change the row, as the mark does, is not
 * enough: foreign keys let that pass. It is taken before the change, so that it is the row of older snapshots that is locked.
 */
const marking = async ({ db }: StoreSession, { root, deletion }: Shape): Promise<Guard> => {
  const key = { table: root.table, name: root.key };
  const equals = (await ownEquality(db, key, key)) ?? sql`=`;
  return {
    trigger: "lethe_mark",
    table: root.table,
    fires: "before update",
    functionName: functionName("mark", root.table),
    body: sql`if (${bearsMark(deletion.mark, "new")}) and not (${bearsMark(deletion.mark, "old")}) then
      perform from ${tableName(root.table)} s where ${column("s", root.key)} ${equals} ${column("old", root.key)} for update;
    end if;`,
  };
};

/** The row refers to the subject `s`. A function's body takes no parameters. */
const namesSubject = async (db: StoreSession["db"], edge: Edge): Promise<RawBuilder<unknown>> => {
  const columns: RawBuilder<unknown>[] = [];
  for (const [index, name] of edge.columns.entries()) {
    const to = edge.to.columns[index] ?? "";
    const [own, root] = [column("new", name), column("s", to)];
    const equals =
      edge.asText === undefined
        ? await ownEquality(db, { table: edge.table, name }, { table: edge.to.table, name: to })
        : undefined;
    columns.push(equals === undefined ? same(edge, own, root) : sql`${own} ${equals} ${root}`);
  }
  const applies = Object.entries(edge.where).map(
    ([name, value]) => sql`${column("new", name)}::text = ${sql.lit(value)}`,
  );
  return and([...columns, ...applies]);
};

/** As a record, whose bytes can be compared whatever operators its columns' types have. */
const image = (edge: Edge, alias: string): RawBuilder<unknown> =>
  sql`row(${sql.join(watched(edge).map((name) => column(alias, name)))})::record`;
