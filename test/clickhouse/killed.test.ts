import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { columnPoints } from "#lib/fault.ts";
import { isLetheError } from "#lib/errors.ts";
import { generateKeys } from "#lib/keys.ts";
import { inProcess } from "#test/clickhouse/columns-night.ts";
import { startClickHouse, type ClickHouseServer } from "#test/clickhouse/server.ts";
import { customers, webPolicy, webState, webTables } from "#test/clickhouse/web.ts";
import { policyText } from "#test/execute/night.ts";
import { Children } from "#test/fault/children.ts";
import { momentsOf } from "#test/fault/moments.ts";
import { wholeNight, type NightOrder } from "#test/fault/night.ts";
import { stateDatabase } from "#test/support/context.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let children: Children;
let server: ClickHouseServer;
let home: string;
/** What an undisturbed night leaves, to be compared with. */
let usual: object;
/** How long such a night takes here and now, in milliseconds. */
let took: number;

let state: TestDatabase;
let shop: TestDatabase;
let directory: string;

const open = async (): Promise<(now: string) => NightOrder> => {
  [state, shop] = await Promise.all([stateDatabase(), createDatabase(customers)]);
  directory = await mkdtemp(join(tmpdir(), "lethe-columns-"));
  await generateKeys(join(directory, "keys"));
  const tables = "customers: { treatment: anonymise, columns: { email: { set: null } } }";
  await writeFile(join(directory, "policy.yaml"), policyText({ tables }));
  await writeFile(join(directory, "web.yaml"), webPolicy);
  const requests = join(directory, "requests.csv");
  await writeFile(requests, `received,email\n${[1, 2, 4, 5].map((n) => `2026-10-28,p${n}@shop.example\n`).join("")}`);
  const configFile = join(directory, "lethe.yaml");
  const config = {
    controller: { name: "Shop GmbH", country: "DE", region: "BE", dpo: "dpo@shop.example", time_zone: "Europe/Berlin" },
    state: { url: state.url },
    stores: {
      shop: { url: shop.url, policy: "policy.yaml" },
      events: { clickhouse: server.url, policy: "web.yaml", batch: 3, parts_timeout: "PT30S" },
    },
    reports: { directory: "reports" },
  };
  await writeFile(configFile, stringify(config), { mode: 0o600 });
  await server.client.run("drop database if exists web");
  for (const statement of webTables) await server.client.run(statement);
  return (now) => ({ configFile, requests, now });
};

const close = (): Promise<unknown> =>
  Promise.all([state.drop(), shop.drop(), rm(directory, { recursive: true, force: true })]);

const found = async (): Promise<object> => ({
  web: await server.client.rows(webState),
  requests: await state.query("select state, code, count(*) as n from lethe.request group by 1, 2"),
  rows: await state.query(
    "select store, table_name, treatment, sum(rows)::int as rows from lethe.disposition group by 1, 2, 3 order by 1, 2",
  ),
  totals: await state.query(
    "select measure, period::text, bool_and(equal) as equal from lethe.conserved_told group by 1, 2 order by 1, 2",
  ),
  left: await state.query("select from lethe.column_batch"),
});

describe.skipIf(!inProcess)("a night with ClickHouse", () => {
  beforeAll(async () => {
    children = new Children(1);
    home = await mkdtemp(join(tmpdir(), "lethe-clickhouse-"));
    server = await startClickHouse(join(home, "data"), "web");
    const at = await open();
    const started = performance.now();
    await wholeNight(at("2026-11-02T03:00:00Z"));
    took = performance.now() - started;
    usual = await found();
    await close();
  });
  afterAll(async () => {
    await children[Symbol.asyncDispose]();
    await server.kill();
    await rm(home, { recursive: true, force: true });
  });
  afterEach(close);

  test("erases four people of nine, whose events stay as nobody's", async () => {
    const at = await open();
    await wholeNight(at("2026-11-02T03:00:00Z"));
    expect(await found()).toEqual(usual);
    expect(usual).toMatchObject({
      requests: [{ state: "completed", code: null, n: 4 }],
      rows: [
        { store: "events", table_name: "events", treatment: "anonymise", rows: 400 },
        { store: "events", table_name: "pageviews", treatment: "erase", rows: 40 },
        { store: "shop", table_name: "customers", treatment: "anonymise", rows: 4 },
      ],
      left: [],
    });
  });

  test.each(columnPoints)("killed %s, the next run ends as an undisturbed night does", async (fault) => {
    const at = await open();
    expect(await children.night(at("2026-11-02T03:00:00Z"), { fault })).toMatchObject({ signal: "SIGKILL" });
    await wholeNight(at("2026-11-02T03:10:00Z"));
    expect(await found()).toEqual(usual);
  });

  test("the server killed in the middle of a rewrite, the others go on, and the next run ends as an undisturbed night does", async () => {
    const at = await open();
    expect(await children.night(at("2026-11-02T03:00:00Z"), { fault: "after-mutation-begun" })).toMatchObject({
      signal: "SIGKILL",
    });
    await server.kill();
    const failed: unknown = await wholeNight(at("2026-11-02T03:10:00Z")).catch((error: unknown) => error);
    expect(isLetheError(failed, "DATABASE_REFUSED")).toBe(true);
    expect(await shop.query("select count(*) as n from customers where email is null")).toEqual([{ n: 4 }]);
    await server.start();
    await wholeNight(at("2026-11-02T03:20:00Z"));
    expect(await found()).toEqual(usual);
  });

  const moments = Number(process.env["LETHE_FAULT_COLUMN_MOMENTS"] ?? 2);
  const seed = Number(process.env["LETHE_FAULT_SEED"] ?? 20261102);

  test(
    `killed at ${moments} random moments, Lethe or the server, the next run ends as an undisturbed night does`,
    async () => {
      for (const [index, moment] of momentsOf(moments, seed).entries()) {
        const at = await open();
        const afterMs = moment * took;
        if (index % 2 === 0) await children.night(at("2026-11-02T03:00:00Z"), { afterMs });
        else {
          const killing = sleep(afterMs).then(() => server.kill());
          await wholeNight(at("2026-11-02T03:00:00Z")).catch(() => undefined);
          await killing;
          await server.start();
        }
        await wholeNight(at("2026-11-02T03:10:00Z"));
        expect({ index, moment, ...(await found()) }).toEqual({ index, moment, ...usual });
        await close();
      }
      await open();
    },
    moments * 60_000,
  );
});
