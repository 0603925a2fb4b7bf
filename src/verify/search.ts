import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Catalog, CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { betweenDigits, notInPhones, wordWithDigits } from "#verify/phone-silhouette.ts";
import type { SoughtProfile } from "#verify/sought.ts";

/** Where something was found: how many rows, never the value. */
export type Hit = { readonly request: number; readonly table: string; readonly column: string; readonly rows: number };

/**
 * Searches a table or materialised view, declared in the policy or not, in every column that can hold text: one pass for all subjects.
 * A cell is split into the tokens that could be identifiers, and those are joined to what is sought by hash; so the cost does
 * not grow with the number of subjects. A cheap test that no match can fail comes first.
 *
 * Runs in a read-only transaction and builds its own SQL: it shares none with the code that erased.
 */
export const searchTable = async (
  db: Kysely<unknown>,
  table: CatalogTable,
  profile: SoughtProfile,
): Promise<readonly Hit[]> => {
  const columns = table.columns.filter((column) => column.shape !== "other");
  if (columns.length === 0 || seeksNothing(profile)) return [];
  const repeating = new Set(await repeatingColumns(db, table));
  const relation = sql.id(table.schema, table.relation);
  // Under names of our own: the table's may be anything.
  const own = columns.filter(({ name }) => !repeating.has(name)).map(({ name }, index) => ({ name, as: `c${index}` }));
  const texts = new Map(columns.map(({ name, shape }) => [name, textOf(sql.id("t", name), shape)]));
  const selected = own.map(({ name, as }) => sql`, ${texts.get(name)} as ${sql.id(as)}`);
  const sources: readonly Source[] = [
    {
      from: sql`(select row(t.tableoid, t.ctid) as lethe_row, 1 as lethe_rows${sql.join(selected, sql``)} from ${relation} t)`,
      cells: own.map(({ name, as }) => ({ name, text: ofOneCollation(sql.id("t", as)) })),
      place: sql`k.name`,
    },
    // A text that a million rows repeat is looked at once, and counts for all of them.
    ...[...repeating].map((name): Source => ({
      from: sql`(select ${texts.get(name)} collate "C" as lethe_row, count(*) as lethe_rows from ${relation} t group by 1 offset 0)`,
      cells: [{ name, text: ofOneCollation(sql.ref("t.lethe_row")) }],
      place: sql`k.name`,
    })),
  ];
  const hits: Hit[] = [];
  for (const source of sources) {
    if (source.cells.length > 0) hits.push(...(await found(db, sql`${table.name}::text`, source, profile)));
  }
  return hits;
};

/** Wide enough that grouping by the column costs less than looking into each of its cells. */
const wideCell = 48;
const fewValues = 1_000;
const manyRows = 50_000;

/**
 * Columns of a large table that repeat a few long texts: programs' names, addresses of pages. PostgreSQL's statistics say so; they
 * decide how a column is read, never whether.
 */
const repeatingColumns = async (db: Kysely<unknown>, table: CatalogTable): Promise<readonly string[]> => {
  if (table.estimatedRows < manyRows) return [];
  const result = await sql<{ name: string }>`select attname as name from pg_stats
    where schemaname = ${table.schema} and tablename = ${table.relation} and avg_width >= ${wideCell}
      and n_distinct between 1 and ${fewValues} group by 1`.execute(db);
  const searched = new Set(table.columns.filter(({ shape }) => shape !== "other").map(({ name }) => name));
  return result.rows.map(({ name }) => name).filter((name) => searched.has(name));
};

const seeksNothing = ({ tokens, phone }: SoughtProfile): boolean => !tokens && phone === undefined;

/**
 * `pg_stats` keeps frequent values and histogram bounds of every column after the rows are gone, until ANALYZE
 * (requirement F). It shows a role only the tables that the role may read.
 */
export const searchStatistics = async (
  db: Kysely<unknown>,
  catalog: Catalog,
  profile: SoughtProfile,
): Promise<readonly Hit[]> => {
  if (seeksNothing(profile)) return [];
  const schemas = [...new Set([...catalog.tables.values()].map((table) => table.schema))];
  const place = sql`t.lethe_row`;
  // Of an index over an expression the statistics bear the index's name: it is told with its table.
  const from = sql`(select coalesce(c.relname || '.(' || t.tablename || ')', t.tablename || '.' || t.attname) as lethe_row,
      1 as lethe_rows, t.most_common_vals::text as common, t.histogram_bounds::text as bounds
    from pg_stats t left join (pg_class i join pg_namespace n on n.oid = i.relnamespace
        join pg_index x on x.indexrelid = i.oid join pg_class c on c.oid = x.indrelid)
      on i.relname = t.tablename and n.nspname = t.schemaname
    where t.schemaname = any (${schemas}))`;
  const cells = ["common", "bounds"].map((name): Cell => ({ name, text: sql.id("t", name) }));
  return found(db, sql`'pg_stats'`, { from, cells, place }, profile);
};

type Cell = { readonly name: string; readonly text: RawBuilder<unknown> };

/**
 * Cells stand below each other in one column, which has one collation: were it that of some column with its own ("C" of a `name`), capitals
 * and letters beyond ASCII would be none to `lower` and to patterns in all of them.
 */
const ofOneCollation = (text: RawBuilder<unknown>): RawBuilder<unknown> => sql`(${text}) collate "default"`;

/** JSON writes a line break as a backslash and a letter, which must not stick to a word or to a number: as one it joins neither. */
const textOf = (value: RawBuilder<unknown>, shape: CatalogColumn["shape"]): RawBuilder<unknown> =>
  shape === "json"
    ? sql`case when strpos(${value}::text, chr(92)) = 0 then ${value}::text else regexp_replace(${value}::text, '\\\\[bfnrt]', chr(10), 'g') end`
    : sql`${value}::text`;

/** What is searched, as a subquery to be called `t`: `lethe_row` tells its rows apart, each of which stands for `lethe_rows` of the table. */
type Source = {
  readonly from: RawBuilder<unknown>;
  readonly cells: readonly Cell[];
  /** The name under which a hit in a cell is reported: of the row `t` and the part `k` of it. */
  readonly place: RawBuilder<unknown>;
};

const found = async (
  db: Kysely<unknown>,
  table: RawBuilder<unknown>,
  source: Source,
  profile: SoughtProfile,
): Promise<readonly Hit[]> =>
  (
    await sql<Hit>`select request, place as "column", sum(lethe_rows)::bigint as rows, ${table} as "table"
      from (${search(source, profile)}) f group by request, place`.execute(db)
  ).rows;

/**
 * `request, place, lethe_row, lethe_rows` of what is found. Cells are put below each other and cut by functions in FROM, without any
 * subquery, so that PostgreSQL's parallel workers may do all of it:
 * - a cell is cut into pieces: for tokens at everything that no identifier holds, for telephone numbers at everything that does not
 *   stand between digits;
 * - a piece with digits is cut into its groups, and every sequence of neighbouring groups is a number that may be sought: two
 *   numbers side by side are one piece, but a longer number does not contain a shorter one. A token is one group.
 */
const search = ({ from, cells, place }: Source, profile: SoughtProfile): RawBuilder<unknown> => {
  const kinds = [
    ...(profile.tokens ? profile.inners.map((_, index) => `token${index}`) : []),
    ...(profile.phone ? ["phone"] : []),
  ];
  const values = sql.join(
    cells.flatMap(({ name, text }) => kinds.map((kind) => sql`(${name}::text, ${kind}::text, ${text})`)),
  );
  // OFFSET 0 keeps the planner from joining row by row, which would look through all that is sought once per row of the
  // table: the pieces of the whole table stream past one hash table.
  return sql`select distinct w.request, k.place, k.lethe_row, k.lethe_rows from (
      select t.lethe_row, t.lethe_rows, ${place} as place, left(k.kind, 5) as kind,
        btrim(array_to_string(g.groups[a.first:b.last], ''), ${profile.inners[0] ?? ""}) as form
      from ${from} t cross join lateral (values ${values}) k (name, kind, cell)
      cross join lateral unnest(${piecesOf(profile)}) p (piece)
      cross join lateral regexp_split_to_array(p.piece, case k.kind when 'phone' then ${`${betweenDigits}+`} else ${never} end) g (groups)
      cross join lateral generate_series(1, cardinality(g.groups)) a (first)
      cross join lateral generate_series(a.first, least(cardinality(g.groups), a.first + ${sql.lit(profile.phone?.sizes.at(-1) ?? 1)} - 1)) b (last)
      where ${firstLook(cells, profile)} and octet_length(k.cell) >= ${sql.lit(profile.shortest)} offset 0) k
    join pg_temp.lethe_sought w on w.kind = k.kind and w.form = k.form`;
};

/** A POSIX pattern that matches nowhere. */
const never = "$.";

/**
 * Most rows hold nothing that could be an identifier, and most of the night's work is to see that. LIKE finds fixed text at a
 * nanosecond a character. A regular expression takes ten, and as long to begin as to read thirty: so what can only be told by
 * one is looked for once a row, in all cells that are long enough, and telephone numbers by how they begin before anything else.
 */
const firstLook = (
  cells: readonly Cell[],
  { anchors, tokenPatterns, phone, shortest }: SoughtProfile,
): RawBuilder<unknown> => {
  const longEnough = (text: RawBuilder<unknown>): RawBuilder<unknown> =>
    sql`octet_length(${text}) >= ${sql.lit(shortest)}`;
  const whole = sql.join(
    cells.map(({ text }) => sql`case when ${longEnough(text)} then ${text} || e'\\n' else '' end`),
    sql` || `,
  );
  const looks = [
    ...(anchors.length === 0 ? [] : cells.map(({ text }) => sql`${longEnough(text)} and (${anyOf(text, anchors)})`)),
    ...(tokenPatterns.length === 0 ? [] : [sql`${whole} ~ ${tokenPatterns.join("|")}`]),
    ...(phone === undefined ? [] : [sql`${whole} ~ ${phone.begins} and ${whole} ~ ${phone.pattern}`]),
  ];
  return sql`(${sql.join(looks, sql` or `)})`;
};

const anyOf = (text: RawBuilder<unknown>, parts: readonly string[]): RawBuilder<unknown> =>
  sql.join(
    parts.map((part) => sql`${text} like ${sql.lit(`%${part.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`)}`),
    sql` or `,
  );

const cell = sql.ref("k.cell");

/** Everything in `k.cell` that could be what `k.kind` says, as an array; null where it cannot be. */
const piecesOf = (profile: SoughtProfile): RawBuilder<unknown> => {
  const { tokens, inners, phone, anchors, tokenPatterns } = profile;
  const worth = sql.join(
    [
      ...(anchors.length === 0 ? [] : [anyOf(cell, anchors)]),
      ...tokenPatterns.map((pattern) => sql`${cell} ~ ${pattern}`),
    ],
    sql` or `,
  );
  const cuts = [
    ...(tokens
      ? inners.map(
          (inner, index) => sql`when ${`token${index}`} then case when ${worth}
          then regexp_split_to_array(${decoded}, ${`[^[:alnum:]${bracketed(inner)}]+`}) end`,
        )
      : []),
    ...(phone === undefined
      ? []
      : [
          sql`when 'phone' then case when ${cell} ~ ${phone.pattern}
          then regexp_split_to_array(regexp_replace(${cell}, ${wordWithDigits}, 'x', 'g'), ${notInPhones}) end`,
        ]),
  ];
  return sql`case k.kind ${sql.join(cuts, sql` `)} end`;
};

/** Web addresses write `@` as `%40` and `+` as `%2B`; JSON may write `@` as an escape. */
const decoded = sql`replace(replace(replace(lower(${cell}), '%40', '@'), '%2b', '+'), '\\u0040', '@')`;

/** For a bracket expression of a POSIX pattern: `]`, `^`, `-` and `\` mean something there. */
const bracketed = (characters: string): string => characters.replaceAll(/[\]^\-\\[]/g, String.raw`\$&`);
