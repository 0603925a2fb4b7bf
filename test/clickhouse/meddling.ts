import type { ColumnClient, Values } from "#clickhouse/client.ts";
import type { ColumnsNight } from "#test/clickhouse/columns-night.ts";

const clientOf = (night: ColumnsNight): { -readonly [K in keyof ColumnClient]: ColumnClient[K] } => {
  const [store] = night.context.columnStores;
  if (store === undefined) throw new TypeError("the night has a store of ClickHouse");
  return store.client;
};

/** Something happens just before the first statement that changes something and matches; in its place, when `act` throws. */
export const beforeStatement = (night: ColumnsNight, pattern: RegExp, act: (values: Values) => Promise<void>): void => {
  const client = clientOf(night);
  const { run } = client;
  client.run = async (statement, values) => {
    if (pattern.test(statement)) {
      client.run = run;
      await act(values ?? {});
    }
    await run(statement, values);
  };
};

/** The run dies just before such a statement. */
export const dieBefore = (night: ColumnsNight, pattern: RegExp): void =>
  beforeStatement(night, pattern, () => Promise.reject(new Error("died")));

/** Something happens before the first question that matches. */
export const beforeQuestion = (night: ColumnsNight, pattern: RegExp, act: () => Promise<void>): void => {
  const client = clientOf(night);
  const { rows } = client;
  client.rows = async (statement, values) => {
    if (pattern.test(statement)) {
      client.rows = rows;
      await act();
    }
    return rows(statement, values);
  };
};

/** The server was started anew, by what Lethe noted of when it was started before. */
export const restart = (night: ColumnsNight): Promise<unknown> =>
  night.state.query(
    `update lethe.column_batch set progress = regexp_replace(progress::text, '"started": \\d+', '"started": 1', 'g')::jsonb`,
  );

/** Tables of our own that are left in the store. */
export const leftOver = async (night: ColumnsNight, purpose = ""): Promise<readonly string[]> =>
  (
    await night.columns<{ name: string }>(
      `select name from system.tables where database = 'web' and match(name, '^lethe_[0-9a-f]{32}_${purpose}') order by name`,
    )
  ).map(({ name }) => name);
