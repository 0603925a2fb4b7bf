import { sql, type RawBuilder } from "kysely";
import type { Condition } from "#policy/policy.ts";
import { and, column } from "#scope/sql.ts";

const comparisons = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=`, not: sql`is distinct from` } as const;

/** All conditions on the columns of `alias`. Values have no type of their own: PostgreSQL reads each as its column's. */
export const conditionsSql = (alias: string, when: Readonly<Record<string, Condition>>): RawBuilder<unknown> =>
  and(Object.entries(when).map(([name, condition]) => conditionSql(column(alias, name), condition)));

const conditionSql = (value: RawBuilder<unknown>, condition: Condition): RawBuilder<unknown> => {
  if ("in" in condition) return sql`${value} in (${sql.join(condition.in)})`;
  if ("isNull" in condition) return condition.isNull ? sql`${value} is null` : sql`${value} is not null`;
  return sql`${value} ${comparisons[condition.compare]} ${condition.value}`;
};
