import { id, tableIn } from "#clickhouse/sql.ts";
import type { ColumnStore } from "#context.ts";

/** What an account needs to carry out the policy of a store of ClickHouse: it reads everything, and rewrites what is treated. */
export const columnGrants = ({ client, policy }: ColumnStore, role: string): readonly string[] => {
  const { database } = client;
  const treated = Object.entries(policy.tables).flatMap(([table, { treatment }]) =>
    treatment === "keep" ? [] : [table],
  );
  const ours = `${id(database)}.lethe_*`;
  return [
    `GRANT SELECT ON ${id(database)}.* TO ${id(role)};`,
    "-- what the policy treats",
    ...treated.map((table) => `GRANT INSERT, ALTER DELETE ON ${tableIn(database, table)} TO ${id(role)};`),
    "-- tables of our own, in which a batch is prepared; names that end with * ask for ClickHouse 24.10",
    `GRANT CREATE TABLE, DROP TABLE, INSERT, ALTER DELETE, ALTER SETTINGS ON ${ours} TO ${id(role)};`,
    "-- to see whether row policies would hide rows",
    `GRANT SHOW ROW POLICIES ON *.* TO ${id(role)};`,
    "-- to call off a rewrite that fails",
    `GRANT KILL QUERY ON *.* TO ${id(role)};`,
  ];
};
