import { copyInto } from "#db/copy.ts";
import { withClient, type Pool } from "#db/pool.ts";
import type { Calendar } from "#demo/calendar.ts";
import { eventMonths } from "#demo/activity.ts";
import type { Company } from "#demo/generate.ts";
import { afterLoadSql, partitionsSql, schemaSql } from "#demo/schema.ts";

/** Creates the sample company's tables in an empty database and fills them by COPY, in one transaction. */
export const loadCompany = (
  pool: Pool,
  company: Company,
  days: Calendar,
): Promise<{ readonly tables: number; readonly rows: number }> =>
  withClient(pool, async (client) => {
    let rows = 0;
    await client.query("begin");
    await client.query(schemaSql);
    await client.query(partitionsSql(days.today, eventMonths + 1));
    for (const [table, content] of company.tables) {
      const [first] = content;
      if (first === undefined) continue;
      await copyInto(client, `${table} (${Object.keys(first).join(", ")})`, values(content));
      rows += content.length;
    }
    await client.query(afterLoadSql);
    await client.query("commit");
    // Without statistics the first night would be planned as if every table were empty.
    await client.query("analyze");
    return { tables: company.tables.size + 1, rows };
  });

function* values(rows: Iterable<Readonly<Record<string, string | number | boolean | null | Uint8Array>>>) {
  for (const row of rows) yield Object.values(row);
}
