import { createHash } from "node:crypto";
import { sql, type RawBuilder } from "kysely";
import { bearsOneOf, type Spelled } from "#execute/guard-marks.ts";
import { followsKey, isOurs, movementOf } from "#execute/guard-passes.ts";
import { referenceOf, watched } from "#execute/guard-reference.ts";
import { ownEquality } from "#execute/own-equality.ts";
import type { StoreSession } from "#execute/store-session.ts";
import type { Edge, Shape } from "#records/plan.ts";
import { column, tableName } from "#scope/sql.ts";

/** A trigger of ours and the function that it calls. It fires whatever columns the statement names: other triggers may change more. */
export type Guard = {
  readonly trigger: "lethe_refuse" | "lethe_mark";
  readonly table: string;
  readonly fires: "after insert or update" | "after insert or update or delete" | "before update";
  readonly functionName: string;
  /** PL/pgSQL between BEGIN and END. */
  readonly body: RawBuilder<unknown>;
};

/** None where the policy names no table that takes no new row for a subject who is marked. */
export const guardsOf = async (
  session: StoreSession,
  shape: Shape,
  marks: readonly Spelled[],
): Promise<readonly Guard[]> => {
  const guards: Guard[] = [];
  for (const [table, edges] of Map.groupBy(shape.deletion.refuse, (edge) => edge.table)) {
    guards.push(await refusal(session, shape, marks, table, edges));
  }
  return guards.length === 0 ? [] : [...guards, await marking(session, shape, marks)];
};

const functionName = (verb: "refuse" | "mark", table: string): string =>
  `${verb}_${createHash("sha256").update(table).digest("hex").slice(0, 16)}`;

/** The names above, as a regular expression of PostgreSQL's. */
export const functionNames = "^(refuse|mark)_[0-9a-f]{16}$";

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
  { root }: Shape,
  marks: readonly Spelled[],
  table: string,
  edges: readonly Edge[],
): Promise<Guard> => {
  const movement = await movementOf(db, table, edges);
  const checks: RawBuilder<unknown>[] = [];
  for (const edge of edges) {
    const reference = await referenceOf(db, edge);
    const named = reference.names("new");
    const passes = [isOurs, followsKey(reference), ...(movement === undefined ? [] : [movement.arrives])];
    const refuses = sql`perform from ${tableName(root.table)} s where ${named} for key share;
      perform from ${tableName(root.table)} s where ${named} and ${bearsOneOf(marks, "s")};
      if found then
        if (${sql.join(passes, sql` or `)}) is not true then
          raise exception using errcode = 'integrity_constraint_violation', table = ${sql.lit(table)}, constraint = 'lethe_refuse',
            message = ${sql.lit(`${table} takes no new row for a subject that is marked as deleted`)},
            hint = 'reactivate the subject first';
        end if;
      end if;`;
    // Programs that save a row write its columns all, the unchanged ones, too.
    checks.push(sql`if tg_op = 'INSERT' or ${image(edge, "new")} *<> ${image(edge, "old")} then
      ${reference.within(refuses)}
    end if;`);
  }
  const body = sql.join(movement === undefined ? checks : [movement.leaves, ...checks, movement.ends], sql` `);
  return {
    trigger: "lethe_refuse",
    table,
    // When the row is stored: triggers that come before may still say whose it is.
    fires: movement === undefined ? "after insert or update" : "after insert or update or delete",
    functionName: functionName("refuse", table),
    body,
  };
};

/**
 * Whoever marks a subject takes the lock that a new row's lock waits for, and waits for it. To change the row, as the mark does, is not
 * enough: foreign keys let that pass. It is taken before the change, so that it is the row of older snapshots that is locked.
 */
const marking = async ({ db }: StoreSession, { root }: Shape, marks: readonly Spelled[]): Promise<Guard> => {
  const equals = (await ownEquality(db, { table: root.table, name: root.key })) ?? sql`=`;
  return {
    trigger: "lethe_mark",
    table: root.table,
    fires: "before update",
    functionName: functionName("mark", root.table),
    body: sql`if ${bearsOneOf(marks, "new")} and not ${bearsOneOf(marks, "old")} then
      perform from ${tableName(root.table)} s where ${column("s", root.key)} ${equals} ${column("old", root.key)} for update;
    end if;`,
  };
};

/** As a record, whose bytes can be compared whatever operators its columns' types have. */
const image = (edge: Edge, alias: string): RawBuilder<unknown> =>
  sql`row(${sql.join(watched(edge).map((name) => column(alias, name)))})::record`;
