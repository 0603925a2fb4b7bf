import { sql, type RawBuilder } from "kysely";
import { generalisedSql } from "#anonymity/generalised.ts";
import type { Attack, AttackKey, AttackResult } from "#records/anonymity.ts";
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
  /** Of a row of the attacked table, by its alias; NULL never matches. */
  readonly ofRow: (alias: string) => readonly RawBuilder<unknown>[];
  /** `persons` for each key `a0, a1, …` of the known records: how many people they are of. */
  readonly known: RawBuilder<unknown>;
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
    found.push({
      precision,
      ofRow: (alias) => keys.map(({ key, compared }) => asKey(column(alias, key.column), key.type, compared)),
      known: knownBy(attacked, attack, keys),
    });
  }
  return found;
};

type Compared =
  | { readonly as: "time"; readonly unit: string; readonly zone: string }
  | { readonly as: "number"; readonly digits: 2 | undefined }
  | { readonly as: "text" };
type Keyed = { readonly key: AttackKey; readonly compared: Compared };

const kindOf = (type: string): "time" | "number" | "text" => {
  if (/^(date|timestamp)/.test(type)) return "time";
  return /^(smallint|integer|bigint|numeric|real|double precision)/.test(type) && !type.endsWith("[]")
    ? "number"
    : "text";
};

const comparedAs = (key: AttackKey, precision: Precision, timeZone: string): Compared | undefined => {
  const { transform } = key;
  switch (transform.kind) {
    case "null":
    case "constant":
    case "unique":
      return undefined;
    // Whoever is not named in it still has all of it.
    case "redact":
      return { as: "text" };
    case "truncate": {
      const unit = precision === "banded" && transform.to === "day" ? "month" : transform.to;
      // By which clocks the rule cuts.
      return { as: "time", unit, zone: "UTC" };
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

const comparedAsItIs = ({ type, otherType }: AttackKey, precision: Precision, timeZone: string): Compared => {
  const as = kindOf(type);
  if (as === "time") {
    // A day is one of the controller's, and a moment late in the evening by UTC belongs to the next.
    const zone = isZoned(type) === isZoned(otherType) ? "UTC" : timeZone;
    return { as, unit: precision === "exact" ? "day" : "month", zone };
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
      return sql`lower(${value}::text)`;
  }
};

const knownBy = (attacked: string, { knows, whose, treated }: Attack, keys: readonly Keyed[]): RawBuilder<unknown> => {
  const values = keys.map(({ key, compared }) => {
    const value = generalisedSql(column("x", key.other), attacked, key);
    const type = key.transform.kind === "keep" || key.transform.kind === "stays" ? key.otherType : key.type;
    return asKey(value, compared.as === "time" ? key.otherType : type, compared);
  });
  const names = keys.map((_, index) => sql.id(`a${index}`));
  const person = sql`coalesce(${sql.join([...whose.map((name) => sql`${column("x", name)}::text`), sql`null`])})`;
  // Whoever is not named is somebody of their own.
  return sql`select ${sql.join(names)}, count(distinct person) + count(*) filter (where person is null) as persons
    from (select ${sql.join(values.map((value, index) => sql`${value} as ${names[index]}`))}, ${person} as person
      from ${tableName(knows)} x where ${and(signsOf(treated, "x"))}) k group by ${sql.join(names)}`;
};
