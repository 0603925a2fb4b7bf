import { sql, type RawBuilder } from "kysely";
import { likeUnique } from "#lib/unique-text.ts";
import type { Policy, Transform } from "#policy/policy.ts";
import { column } from "#scope/sql.ts";

/**
 * Whether the root row `alias` says what the policy leaves of somebody: then a restore has not brought them back, or they are erased again
 * already. By the columns that come out the same for everybody; where there are none, it cannot be told.
 */
export const looksDone = ({ subject, tables, deletion }: Policy, alias: string): RawBuilder<boolean> => {
  const rule = tables[subject.table];
  const set =
    rule !== undefined && "columns" in rule
      ? rule.columns
      : rule?.treatment === "keep"
        ? (deletion.mark?.set ?? {})
        : {};
  const conditions = Object.entries(set).flatMap(([name, transform]) => saysSo(column(alias, name), transform));
  return conditions.length === 0 ? sql`false` : sql`(${sql.join(conditions, sql` and `)})`;
};

const saysSo = (held: RawBuilder<unknown>, transform: Transform): readonly RawBuilder<unknown>[] => {
  switch (transform.kind) {
    case "null":
      return [sql`${held} is null`];
    case "constant":
      return [sql`coalesce(${held}::text = ${String(transform.value)}::text, false)`];
    case "unique":
      return [sql`coalesce(${held}::text ilike ${likeUnique(transform.template)}::text, false)`];
    case "keep":
    case "stays":
    case "now":
    case "redact":
    case "truncate":
    case "generalise":
    case "band":
    case "code":
    case "rare":
    case "mean":
      return [];
  }
};
