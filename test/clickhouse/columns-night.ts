import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
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
  /** Of each request, in the order in which they were entered: `failed RESIDUAL`. */
  readonly states: () => Promise<readonly string[]>;
  /** How many events there are, what they add up to, and how many are nobody's. */
  readonly events: () => Promise<unknown>;
  /** Files of ClickHouse that hold a text, one a line. */
  readonly filesWith: (text: string) => string;
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
  const columns = <R>(statement: string) => store.client.rows<R>(statement);
  return Object.assign(night, {
    run,
    columns,
    states: async () => (await night.requests()).map(({ state, code }) => (code === null ? state : `${state} ${code}`)),
    events: async () => {
      const [row] = await columns(
        "select count() as rows, toString(sum(amount)) as amount, countIf(user_id is null) as nobodys from web.events",
      );
      return row;
    },
    filesWith: (text: string) =>
      // It ends with 1 where nothing is found.
      spawnSync("grep", ["-rlF", text, join(night.directory, "clickhouse")], { encoding: "utf8" }).stdout,
  });
};
