import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";
import { createRequire } from "node:module";

/** Whether the optional package is there in which ClickHouse works in this process. */
export const inProcess = ((): boolean => {
  try {
    createRequire(import.meta.url).resolve("chdb");
    return true;
  } catch {
    return false;
  }
})();

/** Parts go at once, and what they hold can be found in their files with plain tools. */
export const soon =
  "old_parts_lifetime = 1, cleanup_delay_period = 1, cleanup_delay_period_random_add = 0, merge_tree_clear_old_parts_interval_seconds = 1";

export type ColumnsNight = Night & {
  readonly columns: <R = Record<string, unknown>>(statement: string) => Promise<readonly R[]>;
  readonly run: (...statements: readonly string[]) => Promise<void>;
};

/** A night with a store of PostgreSQL and one of ClickHouse, whose database is made by `tables`. */
export const openColumns = async (
  options: NightOptions & { readonly columns: string; readonly columnTables: readonly string[] },
): Promise<ColumnsNight> => {
  const night = await openNight(options);
  const [store] = night.context.columnStores;
  if (store === undefined) throw new TypeError("the night has a store of ClickHouse");
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await store.client.run(statement);
  };
  await run("create database web", ...options.columnTables);
  return Object.assign(night, { run, columns: <R>(statement: string) => store.client.rows<R>(statement) });
};
