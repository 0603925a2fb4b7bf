import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import type { Anonymity } from "#records/treatment.ts";

type Measured = { k: number; classes: number; rows: number; below: number };

/**
 * k-anonymity of whole tables as they stand after the commit (requirement D3): the size of the smallest class of equal
 * quasi-identifiers, NULLs counting as equal. Unit: rows.
 */
export const measureAnonymity = async (
  ctx: Context,
  db: Kysely<unknown>,
  store: Store,
  changed: ReadonlySet<string>,
): Promise<readonly Anonymity[]> => {
  const measured: Anonymity[] = [];
  for (const [table, rule] of Object.entries(store.policy.tables)) {
    if (rule.treatment !== "anonymise" || rule.analytics === undefined || !changed.has(table)) continue;
    const { quasi, k: threshold } = rule.analytics;
    if (quasi.length === 0) continue;
    const [first, second] = table.split(".", 2);
    const source = second === undefined ? sql.id("public", table) : sql.id(first ?? "public", second);
    const result = await sql<Measured>`select coalesce(min(n), 0) as k, count(*) as classes,
        coalesce(sum(n), 0)::bigint as rows, coalesce(sum(n) filter (where n < ${threshold}), 0)::bigint as below
      from (select count(*) as n from ${source} group by ${sql.join(quasi.map((name) => sql.id(name)))}) g`.execute(db);
    const [row] = result.rows;
    if (row === undefined) continue;
    measured.push({ store: store.name, table, quasi, threshold, ...row, measuredAt: ctx.clock.now().toString() });
  }
  return measured;
};
