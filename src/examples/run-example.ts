import { sql } from "kysely";
import type { Context } from "#context.ts";
import { readBelonging, readFates, readRows } from "#examples/fates.ts";
import type { Numbered } from "#examples/given.ts";
import { insertGiven } from "#examples/rows.ts";
import { rowNumber, type StandIn } from "#examples/tables.ts";
import { verdictOn, type Outcome } from "#examples/verdict.ts";
import { executeBatch, type BatchOrder } from "#execute/execute-batch.ts";
import { failureOf } from "#execute/failure.ts";
import type { StoreSession } from "#execute/store-session.ts";
import { dayIn } from "#lib/clock.ts";
import { isLetheError } from "#lib/errors.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import { softStage } from "#plan/deletion.ts";
import type { Finding } from "#plan/finding.ts";
import type { Policy, SubjectRoot } from "#policy/policy.ts";
import { remediesOf, type Shape } from "#records/plan.ts";
import { deriveScopes, type ScopeSubject } from "#scope/derive.ts";
import { readBlocked } from "#scope/row-sets.ts";
import { column, scopeTable, subjects as subjectTable, tableName } from "#scope/sql.ts";
import { remedyTable } from "#scope/stopped.ts";
import { scopeSubjects } from "#scope/subjects.ts";

/**
 * Runs one example in the caller's transaction, over stand-ins for the store's tables. What it made and changed is gone before the next.
 * `shape` is relocated to the stand-ins.
 */
export const runExample = async (
  ctx: Context,
  session: StoreSession,
  policy: Policy,
  shape: Shape,
  standIns: ReadonlyMap<string, StandIn>,
  numbered: Numbered,
): Promise<readonly Finding[]> => {
  const { db } = session;
  await sql`savepoint lethe_example`.execute(db);
  try {
    const unfit = await insertGiven(db, policy, numbered, standIns);
    if (unfit.length > 0) return unfit;
    return verdictOn(policy, numbered, await outcomeOf(ctx, session, policy, shape, standIns, numbered));
  } finally {
    await sql`rollback to savepoint lethe_example`.execute(db);
  }
};

/** As a night does it: look for blockers, mark where deletion has two parts, then change. */
const outcomeOf = async (
  ctx: Context,
  session: StoreSession,
  policy: Policy,
  shape: Shape,
  standIns: ReadonlyMap<string, StandIn>,
  { example }: Numbered,
): Promise<Outcome> => {
  const { db, client } = session;
  const given = Object.entries(example.given).flatMap(([name, rows]) => {
    const standIn = standIns.get(name);
    return standIn === undefined ? [] : [{ ...standIn, rows: rows.length }];
  });
  const who = await whoAsks(ctx, session, shape, policy);
  try {
    await deriveScopes(client, db, shape, who);
    if (shape.deletion.mode === "soft-then-hard") {
      const [blocked] = await readBlocked(db, shape);
      if (blocked !== undefined) return { kind: "blocked", by: blocked };
      await clearScopes(session, shape);
      const soft = softStage(shape);
      await deriveScopes(client, db, soft, who);
      await executeBatch(session, soft, orderOf(ctx, who, 1), "pg_temp");
      await clearScopes(session, shape);
      await deriveScopes(client, db, shape, who);
    }
    const [blocked] = await readBlocked(db, shape);
    if (blocked !== undefined) return { kind: "blocked", by: blocked };
    const before = await readRows(db, given);
    const belonging = await readBelonging(db, shape, given);
    await executeBatch(session, shape, orderOf(ctx, who, 2), "pg_temp");
    return { kind: "done", fates: await readFates(db, policy, given, before, belonging) };
  } catch (error) {
    return failed(error, standIns);
  }
};

/** The first row of the subject's table, and what names the person in the rows. */
const whoAsks = async (
  ctx: Context,
  { db }: StoreSession,
  { root }: Shape,
  { subject }: Policy,
): Promise<readonly ScopeSubject[]> => {
  const named = namedColumns(subject);
  const values = named.map(({ name }) => sql`${column("t", name)}::text`);
  const { rows } = await sql<{ key: string; values: readonly (string | null)[] }>`
    select ${column("t", root.key)}::text as key, array[${sql.join(values)}]::text[] as values
    from ${tableName(root.table)} t where ${column("t", rowNumber)} = 1`.execute(db);
  const { country } = ctx.config.controller;
  return scopeSubjects(
    rows.map(({ key, values: found }) => ({
      request: 1,
      ref: "EXAMPLE",
      key,
      values: named.flatMap(({ kind }, index) => {
        const value = found[index] ?? null;
        if (value === null) return [];
        return [{ kind, value: kind === "name" ? value : normaliseFound(kind, value, country) }];
      }),
    })),
  );
};

const namedColumns = ({ identifiers, names }: SubjectRoot) => [
  ...(["email", "phone", "external_id", "device_id"] as const).flatMap((kind) => {
    const name = identifiers[kind];
    return name === undefined ? [] : [{ kind, name }];
  }),
  ...names.map((name) => ({ kind: "name" as const, name })),
];

const clearScopes = async ({ db }: StoreSession, shape: Shape): Promise<void> => {
  const tables = [
    subjectTable,
    ...shape.scopes.map(({ table }) => scopeTable(shape, table)),
    ...remediesOf(shape).map((_, position) => remedyTable(position)),
  ];
  for (const table of tables) await sql`delete from ${table}`.execute(db);
};

const orderOf = (ctx: Context, subjects: readonly ScopeSubject[], part: 1 | 2): BatchOrder => ({
  id: `00000000-0000-4000-8000-00000000000${part}`,
  planHash: "example",
  seed: Buffer.from(ctx.random(16)).toString("hex"),
  at: ctx.clock.now(),
  day: dayIn(ctx.clock.now(), ctx.config.controller.timeZone).toString(),
  timeZone: ctx.config.controller.timeZone,
  subjects,
});

/** What would fail the request in a night; what is nobody's fault ends the check. */
const failed = (error: unknown, standIns: ReadonlyMap<string, StandIn>): Outcome => {
  const failure = failureOf(error);
  if (failure === undefined || failure.doubtful !== undefined) throw error;
  const { sqlstate, constraint, column: name, hint } = failure.detail;
  const place = [sqlstate, name, constraint].filter((part) => part !== undefined).join(", ");
  const said = isLetheError(error) ? error.message : place;
  let why = `it would fail with ${failure.code}${said === "" ? "" : ` (${said})`}`;
  for (const { at, table } of standIns.values()) why = why.replaceAll(new RegExp(`${at}\\b`, "g"), table.name);
  return { kind: "failed", why, hint: hint ?? "mend the policy" };
};
