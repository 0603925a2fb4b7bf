import { sql, type RawBuilder } from "kysely";
import type { BatchFacts } from "#execute/batch-facts.ts";
import { places, scopeFor } from "#execute/entries.ts";
import { joinedMeans } from "#execute/means.ts";
import { transformSql, type TransformInput } from "#execute/transforms.ts";
import { hasNoKey, type ColumnChange, type Reorder, type Scope, type Shape, type Step } from "#records/plan.ts";
import { drawnName, drawnNames } from "#scope/drawn.ts";
import { carriedBy, column, hasOneOwner, keyNames, sameRow, scopeTable, subjects, tableName } from "#scope/sql.ts";

/**
 * The rows to change. Two subjects of one batch can share a row that can be reached in several ways, and whatever hangs on it: it is
 * changed once, with both their patterns, and counted for the first.
 */
export const targets = (shape: Shape, table: string): RawBuilder<unknown> => {
  const scope = scopeFor(shape, table);
  const carried = carriedBy(shape, table).map(({ name }) => name);
  const names = [...keyNames(scope), ...carried, ...drawnNames(shape, table)];
  const keys = sql.join(names.map((name) => column("s", name)));
  return hasOneOwner(shape, scope)
    ? sql`select s.request, ${keys}, j.pattern
        from ${scopeTable(shape, table)} s join ${subjects} j on j.request = s.request where not s.spared`
    : sql`select min(s.request) as request, ${keys},
        '(?:' || string_agg(distinct j.pattern, '|') || ')' as pattern
        from ${scopeTable(shape, table)} s join ${subjects} j on j.request = s.request where not s.spared group by ${keys}`;
};

/** Of several columns as a record, whose text form keeps `a/b, c` and `a, b/c` apart. */
export const keyText = (scope: Scope, alias: string): RawBuilder<unknown> => {
  const keys = keyNames(scope).map((name) => column(alias, name));
  return keys.length === 1 ? sql`${sql.join(keys)}::text` : sql`row(${sql.join(keys)})::text`;
};

const transformInput = (table: string, key: RawBuilder<unknown>, { seed, at }: BatchFacts): TransformInput => ({
  row: "t",
  subject: "s",
  table,
  key,
  seed,
  now: at,
});

const assignments = (
  shape: Shape,
  table: string,
  changes: readonly ColumnChange[],
  facts: BatchFacts,
): RawBuilder<unknown> => {
  const key = keyText(scopeFor(shape, table), "s");
  return sql.join(
    changes.map((change) => {
      const input = { ...transformInput(table, key, facts), drawn: drawnName(change.name) };
      return sql`${sql.id(change.name)} = ${transformSql(change, input)}`;
    }),
  );
};

export const update = (
  shape: Shape,
  table: string,
  changes: readonly ColumnChange[],
  facts: BatchFacts,
  returning: RawBuilder<unknown>,
): RawBuilder<unknown> =>
  sql`update ${tableName(table)} t set ${assignments(shape, table, changes, facts)}
    from (${targets(shape, table)}) s ${joinedMeans(shape, table, changes)} where ${sameRow(scopeFor(shape, table), "t", "s")} returning ${returning} ${places(shape, table)}`;

/** How rows are anonymised: where they are, or taken out and put in again; `first` are the expressions that `changed` is made of. */
export type Change = {
  readonly first: RawBuilder<unknown>;
  readonly changed: RawBuilder<unknown>;
  /** What says `new_period, new0, …` of what is there afterwards, where `changed` does not. */
  readonly came?: RawBuilder<unknown>;
};

/**
 * The rows in random order: they are taken out, numbered by chance and put in again as they become, so that neither their places nor their order say
 * which were one person's. An update leaves a row in its page where there is room. What INSERT returns is in the order in which it put in.
 */
export const putInAgain = (
  shape: Shape,
  { table, changes }: Extract<Step, { kind: "anonymise" }>,
  { columns }: Reorder,
  facts: BatchFacts,
  { before, now }: { readonly before: readonly RawBuilder<unknown>[]; readonly now: readonly RawBuilder<unknown>[] },
): Change => {
  const scope = scopeFor(shape, table);
  const key = keyText(scope, "s");
  const become = columns.map((name) => {
    const change = changes.find((each) => each.name === name);
    if (change === undefined) return column("t", name);
    const value = transformSql(change, { ...transformInput(table, key, facts), drawn: drawnName(change.name) });
    // What an expression returns has a type before it is known where it goes.
    return change.transform.kind === "null" ? sql`cast(${value} as ${sql.raw(change.type)})` : value;
  });
  const numbered = columns.map((_, index) => sql.id(`become${index}`));
  const [was, is] = hasNoKey(scope)
    ? [
        [sql`s.k1 as o1`, sql`s.k2 as o2`],
        [sql`t.tableoid as n1`, sql`t.ctid as n2`],
      ]
    : [[], []];
  const gone = [...before, ...was, ...become.map((value, index) => sql`${value} as ${sql.id(`become${index}`)}`)];
  const first = sql`gone as materialized (
      delete from ${tableName(table)} t using (${targets(shape, table)}) s ${joinedMeans(shape, table, changes)}
      where ${sameRow(scope, "t", "s")} returning ${sql.join(gone)}, gen_random_uuid() as chance),
    numbered as materialized (select *, row_number() over (order by chance) as place from gone),
    came as (insert into ${tableName(table)} as t (${sql.join(columns.map((name) => sql.id(name)))}) overriding system value
      select ${sql.join(numbered)} from numbered order by place returning ${sql.join([...now, ...is, sql`true as there`])}),
    returned as materialized (select *, row_number() over () as place from came),`;
  return { first, changed: sql`select * from numbered join returned using (place)` };
};
