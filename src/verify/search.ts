import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { betweenDigits } from "#verify/phone-silhouette.ts";
import { phoneRun, type SoughtProfile } from "#verify/sought.ts";

/** Where something was found: how many rows, never the value. */
export type Hit = { readonly request: number; readonly table: string; readonly column: string; readonly rows: number };

/**
 * Searches every table and materialised view of the store, declared in the policy or not, in every column that can hold text: one
 * pass over a table for all subjects. A cell is split into the tokens that could be identifiers, and those are joined to what is sought by hash; so the cost does
 * not grow with the number of subjects. A cheap test that no match can fail comes first.
 *
 * Runs in a read-only transaction and builds its own SQL: it shares none with the code that erased.
 */
export const searchTable = async (
  db: Kysely<unknown>,
  table: CatalogTable,
  profile: SoughtProfile,
): Promise<readonly Hit[]> => {
  const cells = table.columns
    .filter((column) => column.shape !== "other")
    .map(({ name, shape }) => ({ name, json: shape === "json", text: sql`${sql.id("t", name)}::text` }));
  if (cells.length === 0 || (!profile.tokens && profile.phone === undefined)) return [];
  const found = search(sql.id(table.schema, table.relation), sql`row(t.tableoid, t.ctid)`, sql`k.name`, cells, profile);
  const result =
    await sql<Hit>`select request, place as "column", rows, ${table.name}::text as "table" from (${found}) f`.execute(
      db,
    );
  return result.rows;
};

/**
 * `pg_stats` keeps frequent values and histogram bounds of every column after the rows are gone, until ANALYZE
 * (requirement F). It shows a role only the tables that the role may read.
 */
export const searchStatistics = async (
  db: Kysely<unknown>,
  catalog: Catalog,
  profile: SoughtProfile,
): Promise<readonly Hit[]> => {
  if (!profile.tokens && profile.phone === undefined) return [];
  const schemas = [...new Set([...catalog.tables.values()].map((table) => table.schema))];
  const source = sql`(select tablename, attname, most_common_vals::text as common, histogram_bounds::text as bounds
    from pg_stats where schemaname = any (${schemas}))`;
  const cells = ["common", "bounds"].map((name) => ({ name, json: false, text: sql.id("t", name) }));
  const place = sql`t.tablename || '.' || t.attname`;
  const found = search(source, place, place, cells, profile);
  const result =
    await sql<Hit>`select request, place as "column", rows, 'pg_stats' as "table" from (${found}) f`.execute(db);
  return result.rows;
};

type Cell = { readonly name: string; readonly text: RawBuilder<unknown>; readonly json: boolean };

/** `request, place, rows` of what is found in a source with alias `t`, whose rows `row` tells apart. */
const search = (
  source: RawBuilder<unknown>,
  row: RawBuilder<unknown>,
  place: RawBuilder<unknown>,
  cells: readonly Cell[],
  profile: SoughtProfile,
): RawBuilder<unknown> => {
  const { phone } = profile;
  const parts = cells.flatMap((cell) => [
    ...(profile.tokens ? profile.inners.map((inner) => tokensOf(cell, profile, inner)) : []),
    ...(phone === undefined ? [] : [phonesOf(cell, phone)]),
  ]);
  // Most rows hold nothing that could be an identifier. LIKE reads a character in a nanosecond, a regular expression in
  // twenty: one of those a row, over all its cells at once, and only for what has no fixed text to look for.
  const whole = sql.join(
    cells.map(({ text }) => sql`coalesce(${text}, '')`),
    sql` || e'\\n' || `,
  );
  const patterns = [...profile.tokenPatterns, ...(phone === undefined ? [] : [phone.pattern])];
  const worth = [
    ...cells.flatMap(({ text }) => profile.anchors.map((anchor) => contains(text, anchor))),
    ...(patterns.length === 0 ? [] : [sql`${whole} ~ ${patterns.join("|")}`]),
  ];
  // OFFSET 0 keeps the planner from joining row by row, which would look through all that is sought once per row of the
  // table: the tokens of the whole table stream past one hash table. The inner one lets workers share the first look.
  return sql`select w.request, k.place, count(distinct k.lethe_row) as rows from (
      select t.lethe_row, ${place} as place, k.kind, k.form
      from (select ${row} as lethe_row, t.* from ${source} t where ${sql.join(worth, sql` or `)} offset 0) t
      cross join lateral (${sql.join(parts, sql` union all `)}) k offset 0) k
    join pg_temp.lethe_sought w on w.kind = k.kind and w.form = k.form
    group by w.request, k.place`;
};

const contains = (text: RawBuilder<unknown>, part: string): RawBuilder<unknown> =>
  sql`${text} like ${sql.lit(`%${part.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`)}`;

/** Web addresses write `@` as `%40` and `+` as `%2B`; JSON may write `@` as an escape, and writes a line break as a backslash and a letter, which must not stick to a word. */
const decoded = ({ text, json }: Cell): RawBuilder<unknown> => {
  const plain = sql`replace(replace(replace(lower(${text}), '%40', '@'), '%2b', '+'), '\\u0040', '@')`;
  return json ? sql`regexp_replace(${plain}, '\\\\[bfnrt]', ' ', 'g')` : plain;
};

const tokensOf = (cell: Cell, profile: SoughtProfile, inner: string): RawBuilder<unknown> => {
  const separators = `[^[:alnum:]${bracketed(inner)}]+`;
  const worth = [
    ...profile.anchors.map((anchor) => contains(cell.text, anchor)),
    ...profile.tokenPatterns.map((pattern) => sql`${cell.text} ~ ${pattern}`),
  ];
  return sql`select ${cell.name}::text as name, 'token'::text as kind, btrim(token, ${inner}) as form
    from regexp_split_to_table(${decoded(cell)}, ${separators}) token where ${sql.join(worth, sql` or `)}`;
};

/** For a bracket expression of a POSIX pattern: `]`, `^`, `-` and `\` mean something there. */
const bracketed = (characters: string): string => characters.replaceAll(/[\]^\-\\[]/g, String.raw`\$&`);

/**
 * Runs of digits are split where people put something between them, and every sequence of neighbouring groups is a number that may be sought: two
 * numbers side by side are one run, but a longer number does not contain a shorter one.
 */
const phonesOf = (
  { name, text }: Cell,
  { pattern, sizes }: NonNullable<SoughtProfile["phone"]>,
): RawBuilder<unknown> => {
  const most = sql.lit(sizes.at(-1) ?? 0);
  return sql`select ${name}::text as name, 'phone'::text as kind, array_to_string(groups[first:last], '') as form
    from (select regexp_split_to_array(run[1], ${`${betweenDigits}+`}) as groups
      from regexp_matches(${text}, ${phoneRun}, 'g') run where ${text} ~ ${pattern}) r
    cross join lateral generate_series(1, cardinality(groups)) first
    cross join lateral generate_series(first, least(cardinality(groups), first + ${most} - 1)) last`;
};
