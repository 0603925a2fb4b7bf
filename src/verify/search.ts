import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
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
  const columns = table.columns.filter((column) => column.shape !== "other").map((column) => column.name);
  if (columns.length === 0 || (!profile.tokens && profile.phone === undefined)) return [];
  const source = sql.id(table.schema, table.relation);
  const result =
    await sql<Hit>`select w.request, k.name as "column", count(distinct (t.tableoid, t.ctid)) as rows, ${table.name}::text as "table"
    ${body(source, columns, profile)}`.execute(db);
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
  const source = sql`(select schemaname, tablename, attname, most_common_vals::text as common, histogram_bounds::text as bounds
    from pg_stats where schemaname = any (${schemas}))`;
  const result =
    await sql<Hit>`select w.request, t.tablename || '.' || t.attname as "column", count(*) as rows, 'pg_stats' as "table"
    ${body(source, ["common", "bounds"], profile)}, 2`.execute(db);
  return result.rows;
};

const body = (source: RawBuilder<unknown>, columns: readonly string[], profile: SoughtProfile): RawBuilder<unknown> => {
  const cells = columns.map((name) => ({ name, text: sql`${sql.ref(`t.${name}`)}::text` }));
  const { phone } = profile;
  const parts = cells.flatMap(({ name, text }) => [
    ...(profile.tokens ? profile.inners.map((inner) => tokensOf(name, text, profile, inner)) : []),
    ...(phone === undefined ? [] : [phonesOf(name, text, phone)]),
  ]);
  // Most rows hold nothing that could be an identifier. LIKE reads a character in a nanosecond, a regular expression in twenty: one of
  // those a row, over all its cells at once, and only for what has no fixed text to look for.
  const row = sql.join(
    cells.map(({ text }) => sql`coalesce(${text}, '')`),
    sql` || e'\\n' || `,
  );
  const patterns = [...profile.tokenPatterns, ...(phone === undefined ? [] : [phone.pattern])];
  const worth = [
    ...cells.flatMap(({ text }) => profile.anchors.map((anchor) => contains(text, anchor))),
    ...(patterns.length === 0 ? [] : [sql`${row} ~ ${patterns.join("|")}`]),
  ];
  return sql`from ${source} t
    cross join lateral (${sql.join(parts, sql` union `)}) k
    join pg_temp.lethe_sought w on w.kind = k.kind and w.form = k.form
    where ${sql.join(worth, sql` or `)}
    group by w.request, k.name`;
};

const contains = (text: RawBuilder<unknown>, part: string): RawBuilder<unknown> =>
  sql`${text} like ${sql.lit(`%${part.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`)}`;

/** Web addresses write `@` as `%40`, and `+` as `%2B`; JSON may write `@` as an escape. */
const decoded = (text: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`replace(replace(replace(lower(${text}), '%40', '@'), '%2b', '+'), '\\u0040', '@')`;

const tokensOf = (
  name: string,
  text: RawBuilder<unknown>,
  profile: SoughtProfile,
  inner: string,
): RawBuilder<unknown> => {
  const separators = `[^[:alnum:]${bracketed(inner)}]+`;
  const worth = [
    ...profile.anchors.map((anchor) => contains(text, anchor)),
    ...profile.tokenPatterns.map((pattern) => sql`${text} ~ ${pattern}`),
  ];
  return sql`select ${name}::text as name, 'token'::text as kind, btrim(token, ${inner}) as form
    from regexp_split_to_table(${decoded(text)}, ${separators}) token where ${sql.join(worth, sql` or `)}`;
};

/** For a bracket expression of a POSIX pattern: `]`, `^`, `-` and `\` mean something there. */
const bracketed = (characters: string): string => characters.replaceAll(/[\]^\-\\[]/g, String.raw`\$&`);

/**
 * Every run of digits as a whole number and as each part of it that has the length of a sought one: what stands side by side ("030 1234567, 12.2024")
 * is one run of digits too.
 */
const phonesOf = (
  name: string,
  text: RawBuilder<unknown>,
  { pattern, sizes }: NonNullable<SoughtProfile["phone"]>,
): RawBuilder<unknown> =>
  sql`select ${name}::text as name, 'phone'::text as kind, substr(digits, first, size) as form from (
      select regexp_replace(run[1], '\\D', '', 'g') as digits from regexp_matches(${text}, ${phoneRun}, 'g') run
      where ${text} ~ ${pattern}) r
    cross join unnest(array[${sql.join(sizes.map((size) => sql.lit(size)))}]) size
    cross join lateral generate_series(1, length(digits) - size + 1) first`;
