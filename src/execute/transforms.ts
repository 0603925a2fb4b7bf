import { sql, type RawBuilder } from "kysely";
import type { ColumnChange } from "#records/plan.ts";

/** What replaces an identifier inside text. */
export const erasedMark = "[erased]";

/** Hexadecimal digits that stand for `{random}`: 80 bits, so that no two rows of a table meet. */
const randomDigits = 20;

export type TransformInput = {
  /** Alias of the table's row, and of the row of subjects with `pattern` and `json_pattern`. */
  readonly row: string;
  readonly subject: string;
  readonly table: string;
  /** The row key as one text expression. */
  readonly key: RawBuilder<unknown>;
  /** Secret for the batch: makes `{random}` unpredictable, yet the same when the batch is run again after a crash. */
  readonly seed: string;
};

/** The SQL expression that a column is set to. Types are those of the column, so that no implicit cast can surprise. */
export const transformSql = (change: ColumnChange, input: TransformInput): RawBuilder<unknown> => {
  const value = sql.ref(`${input.row}.${change.name}`);
  const type = sql.raw(change.type);
  const { transform } = change;
  switch (transform.kind) {
    case "keep":
      return value;
    case "null":
      return sql`null`;
    case "constant":
      return sql`cast(${String(transform.value)}::text as ${type})`;
    case "unique": {
      const digest = sql`sha256(convert_to(${`${input.seed}/${input.table}.${change.name}/`}::text || ${input.key}, 'UTF8'))`;
      const random = sql`left(encode(${digest}, 'hex'), ${sql.lit(randomDigits)})`;
      return sql`cast(replace(${transform.template}::text, '{random}', ${random}) as ${type})`;
    }
    case "redact":
      return redact(change, value, input.subject);
    case "truncate": {
      // With a zone named, so that the session's zone cannot move the day.
      const zone = change.type.endsWith("with time zone") ? sql`, 'UTC'` : sql``;
      return sql`cast(date_trunc(${sql.lit(transform.to)}, ${value}${zone}) as ${type})`;
    }
    case "generalise": {
      const mapped = sql`coalesce(${JSON.stringify(transform.map)}::jsonb ->> ${value}::text, ${transform.otherwise}::text)`;
      return sql`case when ${value} is not null then cast(${mapped} as ${type}) end`;
    }
  }
};

const redact = (change: ColumnChange, value: RawBuilder<unknown>, subject: string): RawBuilder<unknown> => {
  const type = sql.raw(change.type);
  const mark = sql.lit(erasedMark);
  const pattern = sql.ref(`${subject}.${change.json ? "json_pattern" : "pattern"}`);
  const replaced = (text: RawBuilder<unknown>): RawBuilder<unknown> =>
    sql`regexp_replace(${text}, ${pattern}, ${mark}, 'gi')`;
  if (change.json) {
    // Through jsonb: its text form has no \u escapes in which an identifier could hide.
    return sql`case when ${pattern} is null then ${value} else cast(${replaced(sql`${value}::jsonb::text`)} as ${type}) end`;
  }
  if (change.type.endsWith("[]")) {
    const element = sql`select ${replaced(sql`e::text`)} from unnest(${value}) with ordinality u (e, n) order by n`;
    return sql`case when ${pattern} is null or ${value} is null then ${value} else cast(array(${element}) as ${type}) end`;
  }
  // The explicit cast cuts to varchar(n) where the mark is longer than what it replaces.
  return sql`case when ${pattern} is null then ${value} else cast(${replaced(sql`${value}::text`)} as ${type}) end`;
};
