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
  if (columns.length === 0 || (profile.token === undefined && profile.phone === undefined)) return [];
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
  if (profile.token === undefined && profile.phone === undefined) return [];
  const schemas = [...new Set([...catalog.tables.values()].map((table) => table.schema))];
  const source = sql`(select schemaname, tablename, attname, most_common_vals::text as common, histogram_bounds::text as bounds
    from pg_stats where schemaname = any (${schemas}))`;
  const result =
    await sql<Hit>`select w.request, t.tablename || '.' || t.attname as "column", count(*) as rows, 'pg_stats' as "table"
    ${body(source, ["common", "bounds"], profile)}, 2`.execute(db);
  return result.rows;
};

const body = (source: RawBuilder<unknown>, columns: readonly string[], profile: SoughtProfile): RawBuilder<unknown> => {
  const cells = columns.map((name) => ({ name, text: sql`${sql.id("t", name)}::text` }));
  const { token, phone } = profile;
  const parts = cells.flatMap(({ name, text }) => [
    ...(token === undefined ? [] : [tokensOf(name, text, token, profile.inner)]),
    ...(phone === undefined ? [] : [phonesOf(name, text, phone, profile.phoneSizes)]),
  ]);
  // One look at the whole row first: most rows of most tables hold nothing that could be an identifier.
  const row = sql`concat_ws(e'\\n', ${sql.join(cells.map(({ text }) => text))})`;
  const worth = [token, phone].filter((pattern) => pattern !== undefined).join("|");
  return sql`from ${source} t
    cross join lateral (${sql.join(parts, sql` union `)}) k
    join pg_temp.lethe_sought w on w.kind = k.kind and w.form = k.form
    where ${row} ~* ${worth}
    group by w.request, k.name`;
};

/** Web addresses write `@` as `%40`, and `+` as `%2B`. */
const decoded = (text: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`replace(replace(lower(${text}), '%40', '@'), '%2b', '+')`;

const tokensOf = (name: string, text: RawBuilder<unknown>, worth: string, inner: string): RawBuilder<unknown> => {
  const separators = `[^[:alnum:]${bracketed(inner)}]+`;
  return sql`select ${name}::text as name, 'token'::text as kind, btrim(token, ${inner}) as form
    from regexp_split_to_table(${decoded(text)}, ${separators}) token where ${text} ~* ${worth}`;
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
  worth: string,
  sizes: readonly number[],
): RawBuilder<unknown> =>
  sql`select ${name}::text, 'phone'::text, substr(digits, first, size) from (
      select regexp_replace(run[1], '\\D', '', 'g') as digits from regexp_matches(${text}, ${phoneRun}, 'g') run
      where ${text} ~ ${worth}) r
    cross join unnest(array[${sql.join(sizes.map((size) => sql.lit(size)))}]) size
    cross join lateral generate_series(1, length(digits) - size + 1) first`;
