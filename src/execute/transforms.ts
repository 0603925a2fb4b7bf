import { sql, type RawBuilder } from "kysely";
import { randomDigits } from "#lib/unique-text.ts";
import type { ColumnChange } from "#records/plan.ts";
import { coarserSql } from "#scope/coarser.ts";
import { tableName } from "#scope/sql.ts";

/** The row of means that belongs to the row, see means.ts. */
export const meansAlias = "means";

/** What replaces an identifier inside text. */
export const erasedMark = "[erased]";

export type TransformInput = {
  /** Alias of the table's row, and of the row of subjects with `pattern`. */
  readonly row: string;
  readonly subject: string;
  readonly table: string;
  /** The row key as one text expression. */
  readonly key: RawBuilder<unknown>;
  /** Secret for the batch: makes `{random}` unpredictable, yet the same when the batch is run again after a crash. */
  readonly seed: string;
  readonly now: Moment;
  /** Where the subject's row holds what was drawn for the change, see draw.ts. */
  readonly drawn?: string;
};

/** When the batch runs: ISO instant, and ISO date where the controller is. */
export type Moment = { readonly instant: string; readonly day: string };

/** The SQL expression that a column is set to. Types are those of the column, so that no implicit cast can surprise. */
export const transformSql = (change: ColumnChange, input: TransformInput): RawBuilder<unknown> => {
  const value = sql.id(input.row, change.name);
  const type = sql.raw(change.type);
  const { transform } = change;
  switch (transform.kind) {
    case "keep":
    case "stays":
      return value;
    case "now": {
      const moment = sql`cast(${change.type === "date" ? input.now.day : input.now.instant}::text as ${type})`;
      return transform.when === "always" ? moment : sql`coalesce(${value}, ${moment})`;
    }
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
    case "truncate":
    case "generalise":
    case "band":
    case "code":
      return coarserSql(value, change.type, transform);
    case "rare": {
      const frequent = sql`select r.v from (select ${sql.id(change.name)} as v from ${tableName(input.table)}) r
        group by r.v having count(*) >= ${transform.below}`;
      return sql`case when ${value} is null or ${value} in (${frequent}) then ${value} else cast(${transform.otherwise}::text as ${type}) end`;
    }
    case "mean":
      return sql`cast(${sql.id(meansAlias, change.name)} as ${type})`;
    case "rekey":
    case "shuffle":
      if (input.drawn === undefined) throw new TypeError("what is drawn has a place in the scope table");
      return sql.id(input.subject, input.drawn);
  }
};

const redact = (change: ColumnChange, value: RawBuilder<unknown>, subject: string): RawBuilder<unknown> => {
  const type = sql.raw(change.type);
  const pattern = sql.id(subject, "pattern");
  // Through jsonb: its text form has no \u escapes of letters and digits, in which an identifier could hide.
  if (change.json)
    return whereMatching(value, sql`cast(${redactJson(sql`${value}::jsonb::text`, pattern)} as ${type})`, pattern);
  if (change.type.endsWith("[]")) {
    const json = change.type.startsWith("json");
    const item = json ? redactJson(sql`e::jsonb::text`, pattern) : redactText(sql`e::text`, pattern);
    const items = sql`select ${item} from unnest(${value}) with ordinality u (e, n) order by n`;
    return whereMatching(value, sql`cast(array(${items}) as ${type})`, pattern);
  }
  // The explicit cast cuts to varchar(n) where the mark is longer than what it replaces.
  return whereMatching(value, sql`cast(${redactText(sql`${value}::text`, pattern)} as ${type})`, pattern);
};

const whereMatching = (
  value: RawBuilder<unknown>,
  redacted: RawBuilder<unknown>,
  pattern: RawBuilder<unknown>,
): RawBuilder<unknown> => sql`case when ${pattern} is null or ${value} is null then ${value} else ${redacted} end`;

const redactText = (text: RawBuilder<unknown>, pattern: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`regexp_replace(${text}, ${pattern}, ${sql.lit(erasedMark)}, 'gi')`;

/** Strings, numbers, and everything between them, of JSON as PostgreSQL prints it. */
const jsonTokens = String.raw`"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[^"\d-]+`;

/**
 * Token by token, so that what comes out is JSON whatever the person is called: strings and keys without their escapes, since
 * the `n` of `\n` would otherwise stand before a name as a letter; a number that is an identifier becomes the mark.
 */
const redactJson = (text: RawBuilder<unknown>, pattern: RawBuilder<unknown>): RawBuilder<unknown> => {
  const mark = sql.lit(JSON.stringify(erasedMark));
  // Most documents hold nothing, and without escapes that can be seen from outside.
  return sql`case when ${text} is null or (strpos(${text}, chr(92)) = 0 and ${text} !~* ${pattern}) then ${text} else (
    select string_agg(case
        when j.token[1] like '"%' then to_json(${redactText(sql`(j.token[1]::jsonb #>> '{}')`, pattern)})::text
        when j.token[1] ~ ${sql.lit(String.raw`^-?\d`)} and j.token[1] ~* ('^-?' || ${pattern} || '$') then ${mark}
        else j.token[1] end, '' order by j.position)
    from regexp_matches(${text}, ${sql.lit(jsonTokens)}, 'g') with ordinality j (token, position)) end`;
};
