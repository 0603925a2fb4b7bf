import { sql, type RawBuilder } from "kysely";
import type { Transform } from "#policy/policy.ts";

/** What becomes coarser by itself: each value by no other than its own. */
export type Coarser = Extract<Transform, { kind: "truncate" | "generalise" | "band" | "code" }>;

export const isCoarser = (transform: Transform): transform is Coarser =>
  ["truncate", "generalise", "band", "code"].includes(transform.kind);

/** The coarser value, in the given type; what is empty stays so. */
export const coarserSql = (value: RawBuilder<unknown>, typeName: string, transform: Coarser): RawBuilder<unknown> => {
  const type = sql.raw(typeName);
  switch (transform.kind) {
    case "truncate": {
      // With a zone named, so that the session's zone cannot move the day.
      const zone = typeName.endsWith("with time zone") ? sql`, ${sql.lit(transform.zone ?? "UTC")}` : sql``;
      return sql`cast(date_trunc(${sql.lit(transform.to)}, ${value}${zone}) as ${type})`;
    }
    case "generalise": {
      const mapped = sql`coalesce(${JSON.stringify(transform.map)}::jsonb ->> ${value}::text, ${transform.otherwise}::text)`;
      return sql`case when ${value} is not null then cast(${mapped} as ${type}) end`;
    }
    case "band":
      return sql`cast(${lowerEnd(exact(value, typeName), sql`${transform.from}::numeric`, sql`${transform.width}::numeric`)} as ${type})`;
    case "code": {
      const above =
        transform.bottom === undefined ? value : sql`greatest(${value}, cast(${transform.bottom} as ${type}))`;
      const coded = transform.top === undefined ? above : sql`least(${above}, cast(${transform.top} as ${type}))`;
      return sql`case when ${value} is not null then ${coded} end`;
    }
  }
};

/**
 * The lower end of the band in which a number (`numeric`) lies. A quotient would be rounded, and with it large numbers lifted above themselves; what
 * is whole of it, and its remainder, are exact. What is infinite or no number stays so.
 */
export const lowerEnd = (
  number: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
  width: RawBuilder<unknown>,
): RawBuilder<unknown> =>
  sql`((div(${number} - ${from}, ${width}) - case when mod(${number} - ${from}, ${width}) < 0 then 1 else 0 end) * ${width} + ${from})`;

/** Of a binary number PostgreSQL would make a numeric of 6 or 15 digits only: what it writes has them all. */
const exact = (value: RawBuilder<unknown>, typeName: string): RawBuilder<unknown> =>
  /^(real|double precision)$/.test(typeName) ? sql`${value}::text::numeric` : sql`${value}::numeric`;
