import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Context } from "#context.ts";
import type { ColumnChange, SavedMark, Shape } from "#records/plan.ts";
import { and, column, tableName } from "#scope/sql.ts";

/** What a marked row says: the text that the database makes of each column, in the settings of our connections. */
export type Spelled = readonly { readonly name: string; readonly text: string | null }[];

/** The different marks that people bear who wait or were archived: what the policies of their time set. */
export const marksInForce = async (ctx: Context, store: string): Promise<readonly SavedMark[]> => {
  const { rows } = await sql<{ mark: SavedMark }>`
    select distinct mark from (
      select mark from lethe.grace where store = ${store} and not lost
      union all select mark from lethe.subject where store = ${store} and key is not null) m
    where mark is not null`.execute(ctx.state.db);
  return rows.map(({ mark }) => mark);
};

/** The policy's own mark, and those of others that are still in force in its root table. None twice; none where nothing is refused. */
export const spelledMarks = async (
  db: Kysely<unknown>,
  { root, deletion }: Shape,
  inForce: readonly SavedMark[],
): Promise<readonly Spelled[]> => {
  if (deletion.refuse.length === 0) return [];
  const earlier = inForce.filter((mark) => mark.root.table === root.table).map(({ changes }) => changes);
  const different = new Map<string, Spelled>();
  for (const changes of [deletion.mark, ...earlier]) {
    const spelled = await spell(db, root.table, changes);
    if (spelled !== undefined) different.set(JSON.stringify(spelled), spelled);
  }
  return [...different.values()];
};

/**
 * As src/execute/marks.ts compares: in the spelling of the column's type, or, where that is another one by now, as it was written. Undefined:
 * a column is no longer there, and its mark says nothing about anybody.
 */
const spell = async (
  db: Kysely<unknown>,
  table: string,
  changes: readonly ColumnChange[],
): Promise<Spelled | undefined> => {
  const { rows: now } = await sql<{ name: string; type: string }>`
    select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = ${sql`${tableName(table)}`.compile(db).sql}::regclass and attnum > 0 and not attisdropped`.execute(
    db,
  );
  const types = new Map(now.map(({ name, type }) => [name, type]));
  const sorted = changes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (!sorted.every(({ name }) => types.has(name))) return undefined;
  const texts = sorted.map(({ name, type, transform }) => {
    if (transform.kind !== "constant") return sql`null::text`;
    const written = sql`${String(transform.value)}::text`;
    return types.get(name) === type ? sql`cast(cast(${written} as ${sql.raw(type)}) as text)` : written;
  });
  const { rows } = await sql<{ texts: (string | null)[] }>`select array[${sql.join(texts)}] as texts`.execute(db);
  return sorted.map(({ name }, index) => ({ name, text: rows[0]?.texts[index] ?? null }));
};

/**
 * Whether the root row `alias` bears one of the marks. Their values stand in the text, for a function's body takes no parameters; and are
 * compared as text, which every type has and whose equality nobody can replace.
 */
export const bearsOneOf = (marks: readonly Spelled[], alias: string): RawBuilder<unknown> =>
  marks.length === 0
    ? sql`false`
    : sql`(${sql.join(
        marks.map((mark) =>
          and(mark.map(({ name, text }) => sql`${column(alias, name)}::text is not distinct from ${literal(text)}`)),
        ),
        sql` or `,
      )})`;

const literal = (text: string | null): RawBuilder<unknown> => (text === null ? sql`null` : sql.lit(text));
