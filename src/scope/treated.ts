import { sql, type RawBuilder } from "kysely";
import { likeUnique } from "#lib/unique-text.ts";
import type { Transform } from "#policy/policy.ts";
import { column } from "#scope/sql.ts";

/** A column and what a rule makes of it. */
export type Treated = { readonly name: string; readonly transform: Transform };

/**
 * What the row `alias` says where a rule was carried out on it, told by the columns that come out the same for everybody; none where
 * there are no such columns.
 */
export const signsOf = (treated: readonly Treated[], alias: string): readonly RawBuilder<unknown>[] =>
  treated.flatMap(({ name, transform }) => signOf(column(alias, name), transform));

const signOf = (held: RawBuilder<unknown>, transform: Transform): readonly RawBuilder<unknown>[] => {
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
