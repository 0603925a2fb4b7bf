import { sql, type Kysely, type RawBuilder } from "kysely";
import { uncut, type Cut } from "#execute/cuts.ts";
import { BatchError } from "#execute/failure.ts";
import { entriesToTreat, scopeFor } from "#execute/entries.ts";
import type { Done, Treating } from "#execute/statements.ts";
import { erasedMark, transformSql, type Moment } from "#execute/transforms.ts";
import { likeUnique } from "#lib/unique-text.ts";
import { hasNoKey, isDrawn, takesRows, type ColumnChange, type Shape } from "#records/plan.ts";
import { drawnIn, drawnName } from "#scope/drawn.ts";
import { analysisOf, column, keyNames, sameRow, scopeTable, subjects, tableName } from "#scope/sql.ts";

const byTrigger = "a trigger of the database undoes what the rule asks for: change the trigger or the rule";
const withoutKey = "the table has no key, and its rows were moved meanwhile: give it a primary key";

const undone = (table: string, rows: number, { name, hint = byTrigger }: { name?: string; hint?: string } = {}) => {
  const what = name === undefined ? `${rows} rows of ${table}` : `${table}.${name} in ${rows} rows`;
  const place = name === undefined ? { table } : { table, column: name };
  return new BatchError("RULE_UNDONE", `${what} did not become what the policy says`, hint, { ...place, rows });
};

/**
 * What a statement says of itself is compared with what it was about (I12); the rows are looked at only where the two differ. Rows may
 * be gone by then, by a cascade or a trigger, or be entered for two requests of the same person; they may not be there and untreated.
 */
export const assertDone = async (db: Kysely<unknown>, shape: Shape, step: Treating, done: Done): Promise<void> => {
  const { table } = step;
  if (done.unreadable > 0) {
    const clock = step.kind === "retain" ? step.clock : analysisOf(shape, table)?.clock;
    const hint = "correct the date: periods are counted from days of the years 1 to 9999";
    const detail = { table, ...(clock === undefined ? {} : { column: clock }), rows: done.unreadable };
    throw new BatchError(
      "CLOCK_UNREADABLE",
      `${table}.${clock} is no readable day in ${done.unreadable} rows`,
      hint,
      detail,
    );
  }
  // Whether a row that stays bears its mark is read back by itself.
  if (done.changed >= done.wanted || step.kind === "keep") return;
  const scope = scopeFor(shape, table);
  const entries = sql`select distinct ${sql.join(keyNames(scope).map((name) => sql.id(name)))} from (${entriesToTreat(shape, table)}) e`;
  const { rows } = await sql<{ wanted: number; there: number }>`select count(*) as wanted, count(t.tableoid) as there
    from (${entries}) s left join ${tableName(table)} t on ${sameRow(scope, "t", "s")}`.execute(db);
  const { wanted = 0, there = 0 } = rows[0] ?? {};
  // A trigger may leave out a change that would change nothing; what the row says then is read back before the commit.
  const mayStay = shape.triggered.includes(table) ? there : done.changed;
  const left = takesRows(step) ? there : there - mayStay;
  if (left > 0) throw undone(table, left);
  // A row without a key that is no longer in its place may be in another.
  const lost = wanted - Math.max(done.changed, there);
  const mayGo = shape.effects.some((each) => each.table === table && each.effect !== "set null");
  if (lost > 0 && hasNoKey(scope) && !mayGo) throw undone(table, lost, { hint: withoutKey });
};

/** A cut that a trigger undoes would leave a row that refers to what is gone or somebody else's. */
export const assertCut = async (db: Kysely<unknown>, shape: Shape, step: Cut): Promise<void> => {
  if (!shape.triggered.includes(step.table)) return;
  const { rows } = await uncut(shape, step).execute(db);
  const left = rows[0]?.rows ?? 0;
  if (left > 0) throw undone(step.table, left, { name: step.edge.emptied.join(",") });
};

/**
 * Before the commit, where triggers fire: what the rules of `tables` asked for is what the rows say. After everything that may still undo
 * it, deferred triggers included. Other tables are what their statements returned.
 */
export const readBack = async (db: Kysely<unknown>, shape: Shape, now: Moment): Promise<void> => {
  for (const step of shape.steps) {
    if (step.kind === "cut" || step.kind === "keep" || !shape.triggered.includes(step.table)) continue;
    const { table } = step;
    const rows = sql`${scopeTable(shape, table)} s join ${tableName(table)} t on ${sameRow(scopeFor(shape, table), "t", "s")}
      join ${subjects} j on j.request = s.request where not s.spared`;
    if (step.kind === "erase" || takesRows(step)) {
      const found = await sql<{ rows: number }>`select count(*) as rows from ${rows}`.execute(db);
      const left = found.rows[0]?.rows ?? 0;
      if (left > 0) throw undone(table, left);
      continue;
    }
    if (step.changes.length === 0) continue;
    await assertFound(db, shape, step);
    const counts = step.changes.map(
      (change, index) =>
        sql`count(*) filter (where (${isAsSet(change, table, now)}) is not true) as ${sql.id(`c${index}`)}`,
    );
    const found = await sql<Record<string, number>>`select ${sql.join(counts)} from ${rows}`.execute(db);
    for (const [index, { name }] of step.changes.entries()) {
      const left = found.rows[0]?.[`c${index}`] ?? 0;
      if (left > 0) throw undone(table, left, { name });
    }
  }
};

/** Rows whose key was drawn are looked up by it: such as have not got it would not be found, and nothing would be said of them. */
const assertFound = async (db: Kysely<unknown>, shape: Shape, step: Treating): Promise<void> => {
  const { table } = step;
  const scope = scopeFor(shape, table);
  const drawn = drawnIn(step).find(({ name }) => scope.key.includes(name));
  if (drawn === undefined) return;
  const found = await sql<{ lost: number }>`select count(*) as lost from ${scopeTable(shape, table)} s
    where not s.spared and ${sql.id("s", drawnName(drawn.name))} is not null
      and not exists (select from ${tableName(table)} t where ${sameRow(scope, "t", "s")})`.execute(db);
  const lost = found.rows[0]?.lost ?? 0;
  if (lost > 0) throw undone(table, lost, { name: drawn.name });
};

/** What a trigger calls now may be a day, cut off up to 24 hours before, of any time zone: those are up to 26 hours apart. */
const aroundNow = sql`interval '50 hours'`;

/**
 * Whether the column of row `t` says what it was set to; where that depends on what it said before, whether it is such that the transform
 * would make nothing else of it. A moment that a trigger writes now, as many tables have one, says nothing of before either.
 */
const isAsSet = (change: ColumnChange, table: string, now: Moment): RawBuilder<unknown> => {
  const { name, transform } = change;
  const value = column("t", name);
  const subject = isDrawn(change) ? "s" : "j";
  const again = transformSql(change, { row: "t", subject, table, key: sql`''`, seed: "", now, drawn: drawnName(name) });
  switch (transform.kind) {
    case "keep":
    case "stays":
    // Of which rows a mean was made is not known any more, nor how many rows said what was rare: totals are compared by themselves.
    case "mean":
      return sql`true`;
    case "null":
      return sql`${value} is null`;
    case "constant":
      return sql`${value}::text is not distinct from ${again}::text`;
    case "rekey":
    case "shuffle":
      return sql`${value}::text is not distinct from ${again}::text`;
    case "now":
      return sql`${value} is not null`;
    case "unique":
      return sql`${value}::text ilike ${likeUnique(transform.template)}`;
    case "redact": {
      const [before, after] = change.json ? [sql`${value}::jsonb`, sql`(${again})::jsonb`] : [value, again];
      return sql`${value} is null or strpos(${value}::text, ${erasedMark}) > 0 or ${before}::text is not distinct from (${after})::text`;
    }
    case "truncate":
      return sql`${value} is null or ${value} = ${again} or ${value}::timestamptz between now() - ${aroundNow} and now() + ${aroundNow}`;
    case "band":
    case "code":
      return sql`${value} is null or ${value} = ${again}`;
    case "rare":
      return sql`${value} is not distinct from ${again}`;
    case "generalise": {
      const words = [...new Set([...Object.values(transform.map), transform.otherwise])].filter(
        (word) => word !== null,
      );
      return sql`${value} is null or ${value}::text = any (${words}::text[])`;
    }
  }
};
