import { sql, type Kysely, type RawBuilder } from "kysely";
import { kindOf } from "#catalog/types.ts";
import type { Attack, AttackKey, AttackResult } from "#records/anonymity.ts";
import { coarserSql } from "#scope/coarser.ts";
import { and, column, tableName } from "#scope/sql.ts";
import { signsOf } from "#scope/treated.ts";

/**
 * How much the attacker knows: `exact`, to the day and the cent; `banded`, to the month and two digits of an amount. What a rule has made coarser
 * is compared as coarse as that, both times.
 */
const precisions = ["exact", "banded"] as const;
type Precision = AttackResult["precision"];

/** A way to compare: none where the attacker has nothing to compare, or no less than at one before. */
type Comparison = {
  readonly precision: Precision;
  /** `a0, a1, …`, the names of what is compared. */
  readonly names: readonly RawBuilder<unknown>[];
  /** The same of a row `t` of the attacked table, to select. */
  readonly ofRow: RawBuilder<unknown>;
  /** `persons` for each combination of some of them in the known records: how many people they are of. */
  readonly known: (names: readonly RawBuilder<unknown>[]) => RawBuilder<unknown>;
};

/**
 * The ways to join rows that are said to be nobody's to records of people (requirement D1). Records that have lost their own person's name
 * can be told by that, so only those are compared: the others are of people who are known to have their rows still. `timeZone` is that of
 * whoever wrote down days beside moments.
 */
export const comparisonsOf = (attacked: string, attack: Attack, timeZone: string): readonly Comparison[] => {
  const found: Comparison[] = [];
  let before = "";
  for (const precision of precisions) {
    const keys = attack.keys.flatMap((key) => {
      const compared = comparedAs(key, precision, timeZone);
      return compared === undefined ? [] : [{ key, compared }];
    });
    const described = JSON.stringify(keys.map(({ key, compared }) => [key.column, compared]));
    if (keys.length === 0 || described === before) continue;
    before = described;
    const own = keys.map(({ key, compared }) => asKey(column("t", key.column), key.type, compared));
    const names = keys.map((_, index) => sql.id(`a${index}`));
    found.push({ precision, names, ofRow: named(own), known: (some) => knownBy(attacked, attack, keys, some) });
  }
  return found;
};

/**
 * `own.*, persons`: of each row of `own` how many people fit it; NULL: nobody. What a row does not say tells an attacker nothing, and hides nobody
 * either: it is compared by the others. So rows are joined by each combination of what they say, all of which `own`, a query for
 * `a0, a1, …` and more, is asked for first.
 */
export const fitting = async (
  db: Kysely<unknown>,
  own: RawBuilder<unknown>,
  { names, known }: Comparison,
): Promise<RawBuilder<unknown>> => {
  const said = sql.join(names.map((name) => sql`${name} is not null`));
  const { rows } = await sql<{
    said: readonly boolean[];
  }>`select distinct array[${said}] as said from (${own}) own order by 1 desc`.execute(db);
  const joined = (from: RawBuilder<unknown>, of: readonly boolean[]): RawBuilder<unknown> => {
    const some = names.filter((_, index) => of[index]);
    return some.length === 0
      ? sql`select own.*, null::int8 as persons from ${from} own`
      : sql`select own.*, known.persons from ${from} own left join (${known(some)}) known using (${sql.join(some)})`;
  };
  const [only, ...others] = rows;
  if (others.length === 0) return sql`(${joined(sql`(${own})`, only?.said ?? [])})`;
  const parts = rows.map((row) => {
    const alike = sql`array[${said}] = ${sql.lit(`{${row.said.join(",")}}`)}::boolean[]`;
    return joined(sql`(select * from own where ${alike})`, row.said);
  });
  return sql`(with own as materialized (${own}) ${sql.join(parts, sql` union all `)})`;
};

type Compared =
  | { readonly as: "time"; readonly unit: string; readonly zone: string }
  | { readonly as: "number"; readonly digits: 2 | undefined }
  | { readonly as: "text" };
type Keyed = { readonly key: AttackKey; readonly compared: Compared };

const named = (values: readonly RawBuilder<unknown>[]): RawBuilder<unknown> =>
  sql.join(values.map((value, index) => sql`${value} as ${sql.id(`a${index}`)}`));

const comparedAs = (key: AttackKey, precision: Precision, timeZone: string): Compared | undefined => {
  const { transform } = key;
  switch (transform.kind) {
    case "null":
    case "constant":
    case "unique":
    case "rekey":
      return undefined;
    case "shuffle":
      // The value is another row's: what is still known of the row's own is its period.
      return transform.per === undefined || kindOf(key.type) !== "time"
        ? undefined
        : { as: "time", unit: transform.per, zone: "UTC" };
    // Whoever is not named in it still has all of it.
    case "redact":
      return { as: "text" };
    case "truncate": {
      const unit = precision === "banded" && transform.to === "day" ? "month" : transform.to;
      // By the clocks by which the rule cuts.
      return { as: "time", unit, zone: timeZone };
    }
    case "mean":
      // The mean of one row is its own.
      return precision === "exact" ? { as: "number", digits: undefined } : undefined;
    case "band":
    case "code":
      return { as: "number", digits: undefined };
    case "generalise":
    case "rare":
      return { as: "text" };
    case "now":
      // Where something was, it is as it was.
      return transform.when === "always" ? undefined : comparedAsItIs(key, precision, timeZone);
    case "keep":
    case "stays":
      return comparedAsItIs(key, precision, timeZone);
  }
};

const comparedAsItIs = ({ type }: AttackKey, precision: Precision, timeZone: string): Compared => {
  const as = kindOf(type) ?? "text";
  if (as === "time") {
    // A day is one of the controller's, and a moment late in the evening by UTC belongs to the next.
    return { as, unit: precision === "exact" ? "day" : "month", zone: timeZone };
  }
  return as === "number" ? { as, digits: precision === "exact" ? undefined : 2 } : { as };
};

const isZoned = (type: string): boolean => type.endsWith("with time zone");

const asKey = (value: RawBuilder<unknown>, type: string, compared: Compared): RawBuilder<unknown> => {
  switch (compared.as) {
    case "time": {
      const moment = isZoned(type) ? sql`(${value} at time zone ${sql.lit(compared.zone)})` : sql`${value}::timestamp`;
      return sql`date_trunc(${sql.lit(compared.unit)}, ${moment})`;
    }
    case "number":
      return compared.digits === undefined
        ? sql`${value}::numeric`
        : // What is no number of digits has no logarithm either, and one such record would fail everybody.
          sql`case when ${value} = 0 or ${value}::numeric::text in ('NaN', 'Infinity', '-Infinity') then ${value}::numeric else round(${value}::numeric, (${sql.lit(compared.digits - 1)} - floor(log(abs(${value}::numeric))))::int) end`;
    case "text":
      // An address alone says in text that it is no network: 10.0.0.7/32. Whoever wrote it down elsewhere did not.
      return type === "inet" ? sql`lower(abbrev(${value}))` : sql`lower(${value}::text)`;
  }
};

/**
 * What the rule of the attacked table would make of a value that somebody knows from elsewhere: so an attacker compares. As wide as the known
 * value may be: what would not fit into the attacked column must not fail everybody.
 */
const madeOf = (attacked: string, { column: name, other, transform }: AttackKey): RawBuilder<unknown> => {
  const value = column("x", other);
  switch (transform.kind) {
    case "generalise":
      return coarserSql(value, "text", transform);
    case "band":
    case "code":
      return coarserSql(value, "numeric", transform);
    case "rare":
      // Rows of the living keep a rare value: that it is there does not mean that the batch's rows have kept it.
      return sql`case when lower(${value}::text) in (select lower(${sql.id(name)}::text) from ${tableName(attacked)}
          group by ${sql.id(name)} having count(*) >= ${transform.below})
        then ${value}::text when ${value} is not null then ${transform.otherwise}::text end`;
    default:
      return value;
  }
};

const knownBy = (
  attacked: string,
  { knows, whose, treated }: Attack,
  keys: readonly Keyed[],
  some: readonly RawBuilder<unknown>[],
): RawBuilder<unknown> => {
  const names = sql.join([...some]);
  const values = keys.map(({ key, compared }) => asKey(madeOf(attacked, key), key.otherType, compared));
  const person = sql`coalesce(${sql.join([...whose.map((name) => sql`${column("x", name)}::text`), sql`null`])})`;
  // Whoever is not named is somebody of their own.
  return sql`select ${names}, count(distinct person) + count(*) filter (where person is null) as persons
    from (select ${named(values)}, ${person} as person
      from ${tableName(knows)} x where ${and(signsOf(treated, "x"))}) k group by ${names}`;
};
