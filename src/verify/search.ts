import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { SoughtProfile } from "#verify/sought.ts";

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
  if (columns.length === 0 || profile.tokens + profile.phones === 0) return [];
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
  if (profile.tokens + profile.phones === 0) return [];
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
  const tokens = profile.tokens === 0 ? [] : cells.map(({ name, text }) => tokensOf(name, text, profile));
  const phones = profile.phones === 0 ? [] : cells.map(({ name, text }) => phonesOf(name, text));
  const worth = [
    ...(profile.tokens === 0 ? [] : cells.map(({ text }) => mayHoldToken(text, profile))),
    ...(profile.phones === 0 ? [] : cells.map(({ text }) => mayHoldPhone(text))),
  ];
  return sql`from ${source} t
    cross join lateral (${sql.join([...tokens, ...phones], sql` union `)}) k
    join pg_temp.lethe_sought w on w.kind = k.kind and w.form = k.form
    where ${sql.join(worth, sql` or `)}
    group by w.request, k.name`;
};

/** Web addresses write `@` as `%40`, and `+` as `%2B`. */
const decoded = (text: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`replace(replace(lower(${text}), '%40', '@'), '%2b', '+')`;

const tokensOf = (name: string, text: RawBuilder<unknown>, profile: SoughtProfile): RawBuilder<unknown> => {
  const separators = `[^[:alnum:]${bracketed(profile.inner)}]+`;
  return sql`select ${name}::text as name, 'token'::text as kind, btrim(token, ${profile.inner}) as form
    from regexp_split_to_table(${decoded(text)}, ${separators}) token where ${mayHoldToken(text, profile)}`;
};

/** For a bracket expression of a POSIX pattern: `]`, `^`, `-` and `\` mean something there. */
const bracketed = (characters: string): string => characters.replaceAll(/[\]^\-\\[]/g, String.raw`\$&`);

const mayHoldToken = (text: RawBuilder<unknown>, { anchors, shortest }: SoughtProfile): RawBuilder<unknown> => {
  const longEnough = sql`octet_length(${text}) >= ${sql.lit(shortest)}`;
  if (anchors.length === 0) return longEnough;
  const holds = anchors.map((anchor) =>
    anchor === "@"
      ? sql`(${text} like '%@%' or ${text} like ${sql.lit(String.raw`%\%40%`)})`
      : sql`${text} ilike ${`%${anchor.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`}`,
  );
  return sql`(${longEnough} and (${sql.join(holds, sql` or `)}))`;
};

/** Seven digits or more, with the separators that people put between them. */
const phoneRun = String.raw`\d(?:[\s()./-]*\d){6,}`;

/** E.164 allows fifteen digits; a longer run of digits is several things written side by side, or a prefix with a number. */
const longestPhone = 17;

const mayHoldPhone = (text: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`(octet_length(${text}) >= 7 and ${text} ~ ${sql.lit(phoneRun)})`;

const phonesOf = (name: string, text: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`select ${name}::text, 'phone'::text, form from (
      select regexp_replace(run[1], '\\D', '', 'g') as digits from regexp_matches(${text}, ${`(${phoneRun})`}, 'g') run
      where ${mayHoldPhone(text)}) r
    cross join lateral (
      select digits as form where length(digits) <= ${sql.lit(longestPhone)}
      union all
      select substr(digits, first, size) from generate_series(1, length(digits) - 6) first, generate_series(7, ${sql.lit(longestPhone)}) size
      where length(digits) > ${sql.lit(longestPhone)} and first + size - 1 <= length(digits)) f`;
