import { createRequire } from "node:module";
import { customers, webPolicy, webTables } from "#test/clickhouse/web.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

/** Whether the optional package is there in which ClickHouse works in this process. */
export const inProcess = ((): boolean => {
  try {
    createRequire(import.meta.url).resolve("chdb");
    return true;
  } catch {
    return false;
  }
})();

export type ColumnsNight = Night & {
  readonly columns: <R = Record<string, unknown>>(statement: string) => Promise<readonly R[]>;
  readonly run: (...statements: readonly string[]) => Promise<void>;
};

/** A night with a store of PostgreSQL and one of ClickHouse in this process. */
export const openColumns = async (
  options: Partial<NightOptions> & { readonly columnTables?: readonly string[] } = {},
): Promise<ColumnsNight> => {
  const night = await openNight({
    schema: customers,
    tables: "customers: { treatment: anonymise, columns: { email: { set: null } } }",
    columns: webPolicy,
    ...options,
  });
  const [store] = night.context.columnStores;
  if (store === undefined) throw new TypeError("the night has a store of ClickHouse");
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await store.client.run(statement);
  };
  await run(...(options.columnTables ?? webTables));
  return Object.assign(night, { run, columns: <R>(statement: string) => store.client.rows<R>(statement) });
};
