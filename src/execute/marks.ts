import { sql, type Kysely, type RawBuilder } from "kysely";
import { copyInto, type CopyValue } from "#db/copy.ts";
import type { StoreSession } from "#execute/store-session.ts";
import { LetheError } from "#lib/errors.ts";
import type { ColumnChange, SavedMark, Shape } from "#records/plan.ts";
import type { ReopeningCode } from "#records/request.ts";
import { and, column, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

/** A subject whose row was marked: the row's key as text, and what was set in it. */
export type Marked = {
  readonly request: number;
  readonly ref: string;
  readonly key: string;
  readonly mark: SavedMark;
  /** Something is still to be done to the subject. */
  readonly waits: boolean;
};

/** What the rows of marked subjects say by now. Of those that are in no list nothing has changed. */
export type Standing = {
  /** Active again, or, of those who wait, not to be told any more: then the person may be. */
  readonly active: readonly Active[];
  readonly gone: readonly Found[];
};
export type Found = Pick<Marked, "request" | "ref">;
export type Active = Found & { readonly code: ReopeningCode };

/** One statement for all who were marked alike, in the snapshot of the caller's transaction; whatever the policy's mark is by now. */
export const readMarked = async (
  { client, db }: StoreSession,
  marked: Iterable<Marked> | AsyncIterable<Marked>,
): Promise<Standing> => {
  await sql`create temporary table lethe_marked (request bigint, ref text, key text, mark int, waits boolean) on commit drop`.execute(
    db,
  );
  const marks = new Marks();
  await copyInto(client, "pg_temp.lethe_marked (request, ref, key, mark, waits)", valuesOf(marked, marks));
  const active: Active[] = [];
  const gone: Found[] = [];
  for (const [position, mark] of marks.distinct.entries()) {
    const types = await typesOf(db, mark);
    if (types === undefined) {
      active.push(...(await unreadable(db, position)));
      continue;
    }
    for (const { gone: isGone, ...found } of await changed(db, mark, position, types)) {
      if (isGone) gone.push(found);
      else active.push({ ...found, code: "REACTIVATED" });
    }
  }
  return { active, gone };
};

/** Who is archived stays so: nothing is done to them any more. */
const unreadable = async (db: Kysely<unknown>, position: number): Promise<readonly Active[]> => {
  const { rows } = await sql<Active>`select request, ref, 'MARK_UNREADABLE' as code from pg_temp.lethe_marked
    where mark = ${position} and waits`.execute(db);
  return rows;
};

/** The different marks of many subjects: a few, by their position. */
class Marks {
  readonly distinct: SavedMark[] = [];
  readonly #positions = new Map<string, number>();

  positionOf(mark: SavedMark): number {
    const text = JSON.stringify(mark);
    const known = this.#positions.get(text);
    if (known !== undefined) return known;
    this.#positions.set(text, this.distinct.length);
    return this.distinct.push(mark) - 1;
  }
}

async function* valuesOf(marked: Iterable<Marked> | AsyncIterable<Marked>, marks: Marks): AsyncGenerator<CopyValue[]> {
  for await (const { request, ref, key, mark, waits } of marked)
    yield [request, ref, key, marks.positionOf(mark), waits];
}

type Types = "same" | "changed";

/** Whether the columns have the types they had when the mark was set. Undefined: they are not all there, and say nothing about anybody. */
const typesOf = async (db: Kysely<unknown>, { root, changes }: SavedMark): Promise<Types | undefined> => {
  const then = [{ name: root.key, type: root.keyType }, ...changes.map(({ name, type }) => ({ name, type }))];
  const { rows } = await sql<{ there: number; same: boolean | null }>`
    select count(*) as there, bool_and(format_type(a.atttypid, a.atttypmod) = w.type) as same
    from jsonb_to_recordset(${JSON.stringify(then)}::jsonb) as w (name text, type text) join pg_attribute a on a.attname = w.name
    where a.attrelid = to_regclass(${sql`${tableName(root.table)}`.compile(db).sql}) and a.attnum > 0 and not a.attisdropped`.execute(
    db,
  );
  const [now] = rows;
  if (now?.there !== then.length) return undefined;
  return now.same === true ? "same" : "changed";
};

type Changed = Found & { readonly gone: boolean };

const changed = async (
  db: Kysely<unknown>,
  { root, changes }: SavedMark,
  position: number,
  types: Types,
): Promise<readonly Changed[]> => {
  const key = column("t", root.key);
  const sameKey = types === "same" ? sql`${key} = m.key::${sql.raw(root.keyType)}` : sql`${key}::text = m.key`;
  const { rows } = await sql<Changed>`
    select m.request, m.ref, ${key} is null as gone from pg_temp.lethe_marked m left join ${tableName(root.table)} t on ${sameKey}
    where m.mark = ${position} and (${key} is null or not (${says(changes, "t", types)}))`.execute(db);
  return rows;
};

/**
 * Whether the row `alias` says what was set in it. Compared as text, which every type has, in the spelling of the column's type; where that
 * is another one by now, as it was written.
 */
const says = (changes: readonly ColumnChange[], alias: string, types: Types): RawBuilder<unknown> =>
  and(
    changes.map(({ name, type, transform }) => {
      const held = column(alias, name);
      if (transform.kind !== "constant") return sql`${held} is null`;
      const written = sql`${String(transform.value)}::text`;
      const value = types === "same" ? sql`cast(cast(${written} as ${sql.raw(type)}) as text)` : written;
      return sql`${held}::text is not distinct from ${value}`;
    }),
  );

/** What a batch set is read back before it commits: a trigger may have made something else of it, which would look like an activation. */
export const assertMarked = async (db: Kysely<unknown>, shape: Shape): Promise<void> => {
  const { root, deletion } = shape;
  // The second part of a deletion treats the row by its rule.
  if (deletion.mark.length === 0 || (deletion.mode === "soft-then-hard" && shape.stage === "whole")) return;
  const scope = scopeOf(shape, root.table);
  if (scope === undefined) throw new TypeError("the root has no scope");
  const { rows } = await sql<{ other: boolean }>`select exists (select from ${scopeTable(shape, root.table)} s
    join ${tableName(root.table)} t on ${sameRow(scope, "t", "s")}
    where not s.spared and not (${says(deletion.mark, "t", "same")})) as other`.execute(db);
  if (rows[0]?.other !== true) return;
  throw new LetheError("MARK_CHANGED", `a row of ${root.table} that was marked as deleted says something else`, {
    hint: "let the policy's `deletion` set what the table's triggers make of it, or change the trigger",
  });
};
