import { sql, type RawBuilder } from "kysely";
import type { AttackKey } from "#records/anonymity.ts";
import { tableName } from "#scope/sql.ts";

/**
 * What the rule of the attacked table would make of a value that somebody knows from elsewhere: so an attacker compares. What is empty stays
 * so, and is no company for whoever is in the last band or among the others.
 */
export const generalisedSql = (value: RawBuilder<unknown>, attacked: string, key: AttackKey): RawBuilder<unknown> =>
  sql`case when ${value} is not null then ${madeOf(value, attacked, key)} end`;

const madeOf = (
  value: RawBuilder<unknown>,
  attacked: string,
  { column, transform }: AttackKey,
): RawBuilder<unknown> => {
  switch (transform.kind) {
    case "generalise":
      return sql`coalesce(${JSON.stringify(transform.map)}::jsonb ->> ${value}::text, ${transform.otherwise}::text)`;
    case "rare":
      // Rows of the living keep a rare value: that it is there does not mean that the batch's rows have kept it.
      return sql`case when lower(${value}::text) in (select lower(${sql.id(column)}::text) from ${tableName(attacked)}
          group by ${sql.id(column)} having count(*) >= ${transform.below})
        then ${value}::text else ${transform.otherwise}::text end`;
    case "band":
      return sql`floor((${value}::numeric - ${transform.from}) / ${transform.width}) * ${transform.width} + ${transform.from}`;
    case "code": {
      const above = transform.bottom === undefined ? value : sql`greatest(${value}::numeric, ${transform.bottom})`;
      return transform.top === undefined ? above : sql`least(${above}::numeric, ${transform.top})`;
    }
    default:
      return value;
  }
};
