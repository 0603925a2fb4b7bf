import { sql, type RawBuilder } from "kysely";
import type { AttackKey } from "#records/anonymity.ts";
import { tableName } from "#scope/sql.ts";

/** What the rule of the attacked table would make of a value that somebody knows from elsewhere: so an attacker compares. */
export const generalisedSql = (
  value: RawBuilder<unknown>,
  attacked: string,
  { column, transform }: AttackKey,
): RawBuilder<unknown> => {
  switch (transform.kind) {
    case "generalise":
      return sql`coalesce(${JSON.stringify(transform.map)}::jsonb ->> ${value}::text, ${transform.otherwise}::text)`;
    case "rare":
      return sql`case when ${value}::text in (select ${sql.id(column)}::text from ${tableName(attacked)}) then ${value}::text
        else ${transform.otherwise}::text end`;
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
