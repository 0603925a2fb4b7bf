import { setTimeout as sleep } from "node:timers/promises";
import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster, type Cluster } from "#test/backups/pgbackrest/cluster.ts";
import { pgbackrestMissing } from "#test/backups/programs.ts";
import type { Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

/** The day on which everything ends is today; the day 0 is so many days before. */
const days = 8;

const policy = `
policy: shop
version: 1
effective: 2024-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: erase }
  orders: { treatment: erase }
`;

describe.skipIf(pgbackrestMissing !== undefined)("a point in time to which a store is restored", () => {
  let cluster: Cluster;
  let project: Project;
  let today = 0;
  const times = new Map<number, string>();

  const now = (): string => new Date(Date.now() - (days - today) * 86_400_000).toISOString();
  const lethe = (...args: readonly string[]): Promise<Ended> =>
    letheHere([...args, "--now", now()], { cwd: project.directory });
  const replay = (asOf: string): Promise<Ended> => lethe("backups", "replay", "--store", "shop", "--as-of", asOf);
  const guard = async (): Promise<number | null> => (await lethe("backups", "guard")).code;
  const people = async (): Promise<readonly unknown[]> =>
    (await cluster.query("select email from customers order by id")).map(({ email }) => email);
  /** Everybody named is erased in the night of a day; remembers a time after it. */
  const night = async (day: number, ...emails: readonly string[]): Promise<void> => {
    today = day;
    await cluster.daysAgo(days - day);
    for (const email of emails) expect(await lethe("request", "add", "--email", email)).toMatchObject({ code: 0 });
    expect(await lethe("request", "approve", "--all", "--by", "dpo")).toMatchObject({ code: 0 });
    expect(await lethe("run")).toMatchObject({ code: 0 });
    await remember(day);
  };
  const remember = async (day: number): Promise<void> => {
    const [row] = await cluster.query("select clock_timestamp()::text as at");
    times.set(day, String(row?.["at"]));
    // Recovery stops at the first commit after its target.
    await cluster.query("insert into orders (customer_id) values (3); select pg_switch_wal()");
  };
  const time = (day: number): string => times.get(day) ?? "";

  beforeAll(async () => {
    cluster = await startCluster();
    const { name: _name, keepDays, configFile, store, ...barn } = cluster.config;
    project = await createProject({
      schema: "",
      policy,
      sections: {
        stores: { shop: { url: cluster.url, policy: "policy.yaml" } },
        backups: { barn: { ...barn, store, keep_days: keepDays, config: configFile } },
      },
    });
    await cluster.daysAgo(days);
    await cluster.query(`create table customers (id int primary key, email text);
      create table orders (id int generated always as identity primary key, customer_id int references customers);
      insert into customers values (1, 'ada@example.org'), (2, 'ben@example.org'), (3, 'cy@example.org');
      insert into orders (customer_id) select id from customers`);
    await cluster.backup("full");
    // pgBackRest recovers to a time from backups that stopped in an earlier second only.
    await sleep(1_000);
    await remember(0);
    await night(2, "ada@example.org");
    today = 3;
    await cluster.daysAgo(days - 3);
    await remember(3);
    await night(4, "ben@example.org");
    today = 5;
    await cluster.daysAgo(days - 5);
  }, 120_000);
  afterAll(async () => {
    await project.dispose();
    await cluster.dispose();
  });

  test("after the latest erasure undoes none: the store may serve, and there is nothing to repeat", async () => {
    await cluster.restore(time(4));
    expect(await guard()).toBe(0);
    expect(await replay(time(4))).toMatchObject({ code: 1, stderr: expect.stringContaining("STORE_NOT_RESTORED") });
    expect(await lethe("run")).toMatchObject({ code: 0 });
  });

  test("at which the server waits, read-only, says so and changes nothing; once it serves whoever was erased since is erased, also when it is told a day too late", async () => {
    await cluster.restore(time(2), "pause");
    expect(await people()).toEqual(["ben@example.org", "cy@example.org"]);
    expect(await guard()).toBe(1);
    const restores = () => project.state.query("select from lethe.restore");
    expect(await replay(time(2))).toMatchObject({ code: 1, stderr: expect.stringContaining("STORE_RECOVERING") });
    expect(await restores()).toEqual([]);
    await cluster.resume();
    expect(await replay(time(3))).toMatchObject({ code: 0 });
    expect(await people()).toEqual(["cy@example.org"]);
    expect(await guard()).toBe(0);
  });

  test("which is the commit of an erasure undoes it only where that is left out", async () => {
    const [batch] = await cluster.query(
      "select xact::text, committed_at::text as at from lethe.journal_batch order by committed_at desc limit 1",
    );
    await cluster.query("select pg_switch_wal()");
    await cluster.restoreTo(String(batch?.["xact"]), "inclusive");
    expect([await people(), await guard()]).toEqual([["cy@example.org"], 0]);
    await cluster.restoreTo(String(batch?.["xact"]), "exclusive");
    expect([await people(), await guard()]).toEqual([["ben@example.org", "cy@example.org"], 1]);
    const at = Temporal.Instant.from(String(batch?.["at"]));
    expect(await replay(at.toString())).toMatchObject({ code: 1, stderr: expect.stringContaining("RESTORE_TIME") });
    expect(await replay(at.subtract({ milliseconds: 1 }).toString())).toMatchObject({ code: 0 });
    expect([await people(), await guard()]).toEqual([["cy@example.org"], 0]);
  });

  test("before the first night has no journal to tell it: with too late a time nobody is certain and nothing serves, with the true one all go", async () => {
    await cluster.restore(time(0));
    expect(await people()).toEqual(["ada@example.org", "ben@example.org", "cy@example.org"]);
    expect(await guard()).toBe(1);
    expect(await replay(now())).toMatchObject({ code: 5 });
    expect(await people()).toEqual(["ada@example.org", "ben@example.org", "cy@example.org"]);
    expect(await guard()).toBe(1);
    expect(await replay(time(0))).toMatchObject({ code: 0 });
    expect(await people()).toEqual(["cy@example.org"]);
    expect(await guard()).toBe(0);
  });
});
