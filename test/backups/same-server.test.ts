import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sameServerFindings } from "#backups/same-server.ts";
import type { BackupConfig } from "#config.ts";
import { closePool, openPool, type Pool } from "#db/pool.ts";
import { debianMissing, startDebianServer, type DebianServer } from "#test/flow/debian-server.ts";
import { urlOf } from "#test/support/database.ts";

const stanza = {
  name: "barn",
  kind: "pgbackrest",
  store: "shop",
  keepDays: 30,
  stanza: "main",
  repo: 1,
  program: "pgbackrest",
  configFile: undefined,
} as const;
const directory = { name: "dumps", kind: "directory", store: "shop", keepDays: 30, path: "/backups" } as const;

describe.skipIf(debianMissing !== undefined)("where Lethe's own database lies", () => {
  let server: DebianServer;
  const pools: Pool[] = [];
  const poolOn = (connection: string): Pool => {
    const pool = openPool({ url: connection, label: "shop", applicationName: "lethe-test" });
    pools.push(pool);
    return pool;
  };
  const codes = async (store: Pool, config: BackupConfig = stanza): Promise<readonly string[]> => {
    const state = { pool: poolOn(urlOf("postgres")) };
    const found = await sameServerFindings({ state, stores: [{ name: "shop", pool: store }] }, config);
    return found.map(({ code }) => code);
  };

  beforeAll(async () => {
    server = await startDebianServer();
  });
  afterAll(async () => {
    for (const pool of pools) await closePool(pool);
    await server.stop();
  });

  test("on the store's server matters to backups of whole servers, and to no others", async () => {
    const store = poolOn(urlOf("template1"));
    expect(await codes(store)).toEqual(["STATE_ON_STORE"]);
    expect(await codes(store, { ...directory, wal: "/wal" })).toEqual(["STATE_ON_STORE"]);
    expect(await codes(store, directory)).toEqual([]);
  });

  test("on another server it does not, nor is anything known of one that is down", async () => {
    const other = `postgres://postgres:${server.password}@127.0.0.1:${server.port}/postgres`;
    expect(await codes(poolOn(other))).toEqual([]);
    expect(await codes(poolOn("postgres://postgres@127.0.0.1:1/postgres"))).toEqual([]);
  });
});
