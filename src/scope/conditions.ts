import { sql, type RawBuilder } from "kysely";
import type { Condition } from "#policy/policy.ts";
import { and, column } from "#scope/sql.ts";

const comparisons = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=`, not: sql`is distinct from` } as const;

/** All conditions on the columns of `alias`. */
export const conditionsSql = (alias: string, when: Readonly<Record<string, Condition>>): RawBuilder<unknown> =>
  and(Object.entries(when).map(([name, condition]) => conditionSql(column(alias, name), condition)));

const conditionSql = (value: RawBuilder<unknown>, condition: Condition): RawBuilder<unknown> => {
  if ("in" in condition) return isOneOf(value, condition.in);
  if ("isNull" in condition) return condition.isNull ? sql`${value} is null` : sql`${value} is not null`;
  return sql`${value} ${comparisons[condition.compare]} ${condition.value}`;
};

/** As text, so that one form serves whole numbers, enums and booleans; but `numeric(12,2)` writes 5 as 5.00. */
const isOneOf = (value: RawBuilder<unknown>, values: readonly (string | number | boolean)[]): RawBuilder<unknown> => {
  const asText = sql`${value}::text = any (${values.map(String)})`;
  const numbers = values.filter((each) => typeof each === "number");
  if (numbers.length === 0) return asText;
  return sql`(${asText} or case when pg_typeof(${value}) in ('numeric'::regtype, 'real'::regtype, 'double precision'::regtype)
    then ${value}::text::numeric = any (${numbers.map(String)}::numeric[]) end is true)`;
};
