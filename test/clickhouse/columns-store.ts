import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openColumnClient, type ColumnClient } from "#clickhouse/client.ts";

/** A database of ClickHouse in this process, `web`, with nothing in it. Dispose of it: one process opens one directory at a time. */
export const openStore = async (): Promise<{
  readonly client: ColumnClient;
  readonly dispose: () => Promise<void>;
}> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-columns-"));
  const location = { directory, database: "web" };
  const client = openColumnClient({ location, label: "events", statementTimeoutMs: 60_000 });
  await client.run("create database web");
  return {
    client,
    dispose: async () => {
      await client.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

export async function* streamed<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}
