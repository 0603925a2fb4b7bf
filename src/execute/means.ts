import { sql, type Kysely, type RawBuilder } from "kysely";
import { decimalsOf } from "#catalog/types.ts";
import { meansAlias, transformSql, type Moment } from "#execute/transforms.ts";
import { scopeFor } from "#execute/entries.ts";
import type { Transform } from "#policy/transform.ts";
import type { ColumnChange, Shape, Step } from "#records/plan.ts";
import { classOfGroup, groupName } from "#scope/drawn.ts";
import { and, column, keyNames, periodOf, sameRow, scopeTable, tableName } from "#scope/sql.ts";

type Anonymise = Extract<Step, { kind: "anonymise" }>;

/**
 * Puts the batch's rows together of which means are taken: rows of the same period that become equal in the columns the policy names. In the scope
 * table, so that it can be asked of how many people they are. A row without a value is in no group; what is no finite number has no part in the mean of
 * others, which would be none either.
 */
export const groupMeans = async (db: Kysely<unknown>, shape: Shape, step: Anonymise, now: Moment): Promise<void> => {
  const { table, changes, analysis } = step;
  const averaged = meansIn(changes);
  if (averaged.length === 0) return;
  const scope = scopeFor(shape, table);
  const keys = keyNames(scope);
  const period = analysis === undefined ? [] : [periodOf(analysis, "t")];
  const groups = averaged.flatMap(({ name, within }) => {
    const value = sql`${column("t", name)}::numeric`;
    const kind = sql`case when ${value} in ('NaN', 'Infinity', '-Infinity') then ${value} end`;
    const alike = sql`row(${sql.join([kind, ...period, ...within.map((each) => becameOf(table, changes, now, each))])})`;
    return [
      sql`case when ${value} is not null then dense_rank() over (order by ${alike}) end::int as ${sql.id(groupName(name))}`,
      sql`hashtext(${alike}::text) as ${sql.id(classOfGroup(name))}`,
    ];
  });
  const rows = sql`select distinct on (${sql.join(keys.map((name) => column("z", name)))})
      ${sql.join([...keys.map((name) => column("z", name)), ...groups])}
    from ${scopeTable(shape, table)} z join ${tableName(table)} t on ${sameRow(scope, "t", "z")} where not z.spared`;
  const set = averaged
    .flatMap(({ name }) => [groupName(name), classOfGroup(name)])
    .map((name) => sql`${sql.id(name)} = ${column("r", name)}`);
  const same = and(keys.map((name) => sql`${column("z", name)} = ${column("r", name)}`));
  await sql`update ${scopeTable(shape, table)} z set ${sql.join(set)} from (${rows}) r where ${same} and not z.spared`.execute(
    db,
  );
};

type Averaged = ColumnChange & Extract<Transform, { kind: "mean" }>;

const meansIn = (changes: readonly ColumnChange[]): readonly Averaged[] =>
  changes.flatMap((change) => (change.transform.kind === "mean" ? [{ ...change, ...change.transform }] : []));

/**
 * What the rows `s` of an update are joined to where a column becomes a mean (microaggregation): key and mean of each of the batch's rows, averaged over those of
 * its group. Units of the last digit that do not divide go to rows by chance, one each: the sum is what it was.
 */
export const joinedMeans = (shape: Shape, table: string, changes: readonly ColumnChange[]): RawBuilder<unknown> => {
  const averaged = meansIn(changes);
  if (averaged.length === 0) return sql``;
  const scope = scopeFor(shape, table);
  const keys = keyNames(scope).map((name) => sql`${sql.id(name)} as ${sql.id(`key_${name}`)}`);
  const values = averaged.flatMap(({ name }, index) => [
    sql`${column("t", name)}::numeric as ${sql.id(`v${index}`)}`,
    sql`${column("z", groupName(name))} as ${sql.id(`g${index}`)}`,
  ]);
  const means = averaged.map(({ name, type }, index) => {
    const [value, group] = [sql.id(`v${index}`), sql.id(`g${index}`)];
    const over = sql`(partition by ${group})`;
    const sum = sql`sum(${value}) over ${over}`;
    const digits = decimalsOf(type);
    // As many as any of them has.
    const scale = digits === undefined ? sql`greatest(scale(${sum}), 6)` : sql.lit(digits);
    // Written with an exponent, as a power of ten in binary is not one: its fourth negative is 0.00009999999999999999.
    const units = sql`trunc(${sum} * ('1e' || ${scale})::numeric)`;
    const unit = sql`('1e' || -(${scale}))::numeric`;
    const count = sql`count(*) over ${over}`;
    const place = sql`row_number() over (partition by ${group} order by chance)`;
    return sql`case when ${value} is not null
      then (div(${units}, ${count}) + case when ${place} <= abs(mod(${units}, ${count})) then sign(${units}) else 0 end) * ${unit} end as ${sql.id(name)}`;
  });
  const rows = sql`select distinct on (${sql.join(keyNames(scope).map((name) => column("z", name)))})
      ${sql.join([...keyNames(scope).map((name) => column("z", name)), ...values])}, random() as chance
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
