import { sql, type RawBuilder } from "kysely";
import { likeUnique } from "#lib/unique-text.ts";
import type { Treated } from "#records/anonymity.ts";
import { column } from "#scope/sql.ts";

/**
 * What the row `alias` says where a rule was carried out on it, told by the columns that come out the same for everybody; none where
 * there are no such columns.
 */
export const signsOf = (treated: readonly Treated[], alias: string): readonly RawBuilder<unknown>[] =>
  treated.flatMap(({ name, ...rest }) => signOf(column(alias, name), rest));

const signOf = (
  held: RawBuilder<unknown>,
  { transform, type }: Omit<Treated, "name">,
): readonly RawBuilder<unknown>[] => {
  switch (transform.kind) {
    case "null":
      return [sql`${held} is null`];
    case "constant": {
      const written = sql`${String(transform.value)}::text`;
      // As the column prints it: what was written as 0 is 0.00 there, and 0.0.0.0 has a netmask.
      const set = type === undefined ? written : sql`cast(${written} as ${sql.raw(type)})::text`;
      return [sql`coalesce(${held}::text = ${set}, false)`];
    }
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
    case "rekey":
    case "shuffle":
      return [];
  }
};
