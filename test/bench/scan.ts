import type pg from "pg";

/** Seconds that reading every text column of every table once takes, looking for one word that is nowhere. */
export const timeScan = async (
  client: pg.Client,
  { parallel }: { readonly parallel: boolean } = { parallel: false },
): Promise<number> => {
  const { rows } = await client.query<{ table: string; columns: string[] }>(
    `select table_name::text as table, array_agg(quote_ident(column_name))::text[] as columns from information_schema.columns
      where table_schema = 'public' and data_type in ('text', 'character varying') group by table_name order by 1`,
  );
  await client.query(parallel ? "reset max_parallel_workers_per_gather" : "set max_parallel_workers_per_gather = 0");
  const began = performance.now();
  for (const { table, columns } of rows) {
    await client.query(
      `select count(*) from ${table} where ${columns.map((column) => `${column} like '%nowhere-at-all%'`).join(" or ")}`,
    );
  }
  return (performance.now() - began) / 1000;
};
