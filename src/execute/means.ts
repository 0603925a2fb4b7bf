import { sql, type RawBuilder } from "kysely";
import { decimalsOf } from "#catalog/types.ts";
import { meansAlias, transformSql, type Moment } from "#execute/transforms.ts";
import type { ColumnChange, Shape } from "#records/plan.ts";
import { analysisOf, and, column, keyNames, periodOf, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

/**
 * What the rows `s` of an update are joined to where a column becomes a mean (microaggregation): key and mean of each of the batch's rows. They
 * are averaged over rows of the same period that become equal in the columns the policy names. Units of the last digit that do not
 * divide go to rows by chance, one each: the sum is what it was.
 */
export const joinedMeans = (
  shape: Shape,
  table: string,
  changes: readonly ColumnChange[],
  now: Moment,
): RawBuilder<unknown> => {
  const averaged = changes.flatMap((change) =>
    change.transform.kind === "mean" ? [{ ...change, ...change.transform }] : [],
  );
  const scope = scopeOf(shape, table);
  if (averaged.length === 0 || scope === undefined) return sql``;
  const analysis = analysisOf(shape, table);
  const period = analysis === undefined ? [] : [periodOf(analysis, "t")];
  const became = (name: string): RawBuilder<unknown> => becameOf(table, changes, now, name);
  const keys = keyNames(scope).map((name) => sql`${sql.id(name)} as ${sql.id(`key_${name}`)}`);
  const values = averaged.map(({ name }, index) => sql`${column("t", name)}::numeric as ${sql.id(`v${index}`)}`);
  const groups = averaged.map(
    ({ within }, index) =>
      sql`dense_rank() over (order by ${sql.join([...period, ...within.map(became), sql`true`])}) as ${sql.id(`g${index}`)}`,
  );
  const means = averaged.map(({ name, type }, index) => {
    const [value, group] = [sql.id(`v${index}`), sql.id(`g${index}`)];
    // What is no finite number has no part in the mean of others, which would be none either.
    const kind = sql`case when ${value} in ('NaN', 'Infinity', '-Infinity') then ${value}::text else (${value} is null)::text end`;
    const over = sql`(partition by ${group}, ${kind})`;
    const sum = sql`sum(${value}) over ${over}`;
    const digits = decimalsOf(type);
    // As many as any of them has.
    const scale = digits === undefined ? sql`greatest(scale(${sum}), 6)` : sql.lit(digits);
    // Written with an exponent, as a power of ten in binary is not one: its fourth negative is 0.00009999999999999999.
    const units = sql`trunc(${sum} * ('1e' || ${scale})::numeric)`;
    const unit = sql`('1e' || -(${scale}))::numeric`;
    const count = sql`count(*) over ${over}`;
    const place = sql`row_number() over (partition by ${group}, ${kind} order by chance)`;
    return sql`case when ${value} is not null
      then (div(${units}, ${count}) + case when ${place} <= abs(mod(${units}, ${count})) then sign(${units}) else 0 end) * ${unit} end as ${sql.id(name)}`;
  });
  const rows = sql`select distinct on (${sql.join(keyNames(scope).map((name) => column("z", name)))})
      ${sql.join([...keyNames(scope).map((name) => column("z", name)), ...values, ...groups])}, random() as chance
    from ${scopeTable(shape, table)} z join ${tableName(table)} t on ${sameRow(scope, "t", "z")} where not z.spared`;
  const same = keyNames(scope).map((name) => sql`${column("s", name)} = ${column(meansAlias, `key_${name}`)}`);
  return sql`left join (select ${sql.join([...keys, ...means])} from (${rows}) r) ${sql.id(meansAlias)} on ${and(same)}`;
};

/** What the column of row `t` becomes, for rows that are put together by it. */
export const becameOf = (
  table: string,
  changes: readonly ColumnChange[],
  now: Moment,
  name: string,
): RawBuilder<unknown> => {
  const change = changes.find((each) => each.name === name);
  // What is different in every row puts nothing together, and of what is drawn nothing is known yet.
  return change === undefined || ["mean", "redact", "unique", "rekey", "shuffle"].includes(change.transform.kind)
    ? column("t", name)
    : transformSql(change, { row: "t", subject: "t", table, key: sql`''`, seed: "", now });
};
