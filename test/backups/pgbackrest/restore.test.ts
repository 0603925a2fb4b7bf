import { spawnSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster, type Cluster } from "#test/backups/pgbackrest/cluster.ts";
import { pgbackrestMissing } from "#test/backups/programs.ts";
import { keptTexts } from "#test/restore/kept-texts.ts";
import type { Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const tables = ["customers", "notes", "invoices", "events"];

/** The day on which everything ends is today; the day 0 is so many days before. */
const days = 80;

const schema = `
  create table customers (id int primary key, email text, name text, phone text);
  create table notes (id int generated always as identity primary key, customer_id int references customers, body text);
  create table invoices (id int generated always as identity primary key, customer_id int references customers,
    issued_on date not null, amount numeric(10,2) not null, name text);
  create table events (id int generated always as identity primary key, customer_id int, plan text not null, url text);`;

const policy = `
policy: shop
version: 1
effective: 2024-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email, phone: phone }, names: [name] }
links: [events.customer_id -> customers.id]
classes:
  voucher: { basis: 'HGB §257', period: P8Y, anchor: end-of-calendar-year }
tables:
  customers: { treatment: anonymise, columns: { email: { unique: 'erased-{random}@invalid' }, name: { set: null }, phone: { set: null } } }
  notes: { treatment: erase }
  invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, amount: keep, name: { set: null } } }
  events: { treatment: anonymise, columns: { customer_id: { set: null }, plan: keep, url: { set: null } } }
`;

describe.skipIf(pgbackrestMissing !== undefined)("a store that is restored to a point in time by pgBackRest", () => {
  let cluster: Cluster;
  let project: Project;
  let today = 0;
  const said: Ended[] = [];

  const on = async (day: number): Promise<void> => {
    today = day;
    await cluster.daysAgo(days - day);
  };
  const now = (): string => new Date(Date.now() - (days - today) * 86_400_000).toISOString();
  const lethe = async (...args: readonly string[]): Promise<Ended> => {
    const surroundings = { cwd: project.directory, env: { LETHE_LOG: "debug" } };
    const ended = await letheHere([...args, "--now", now()], surroundings);
    said.push(ended);
    return ended;
  };
  const done = async (...args: readonly string[]): Promise<Ended> => {
    const ended = await lethe(...args);
    expect(ended).toMatchObject({ code: 0 });
    return ended;
  };
  const register = (id: number, name: string): Promise<unknown> =>
    cluster.query(`insert into customers values (${id}, '${name}@kanarie.example', '${name} Kanarie', '+49301000000${id}');
      insert into notes (customer_id, body) values (${id}, 'call ${name}@kanarie.example');
      insert into invoices (customer_id, issued_on, amount, name) values (${id}, current_date, ${id}, '${name} Kanarie');
      insert into events (customer_id, plan, url) values (${id}, 'gold', '/?mail=${name}%40kanarie.example')`);
  const forget = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) await done("request", "add", "--email", `${name}@kanarie.example`);
    await done("request", "approve", "--all", "--by", "dpo");
    await done("run");
    await removeDeadRows();
  };
  /** Of which a copy of the data files keeps the bytes as well. */
  const removeDeadRows = async (): Promise<void> => {
    for (const name of tables) await cluster.query(`vacuum full ${name}`);
  };
  /** Who is there by name, in whatever table. */
  const people = async (): Promise<readonly unknown[]> =>
    (
      await cluster.query(`select distinct name from (select substring(email from '(.+)@kanarie') as name from customers
      union all select substring(body from '(\\w+)@kanarie') from notes union all select substring(url from '=(\\w+)%40kanarie') from events
      union all select substring(name from '(\\w+) Kanarie') from invoices) p where name is not null order by 1`)
    ).map(({ name }) => name);
  const everything = (): Promise<unknown> =>
    Promise.all(tables.map((name) => cluster.query(`select * from ${name} order by id`)));
  const entries = async (kind: string) =>
    (
      await project.state.query<{ body: string }>(
        "select body from lethe.ledger_entry where kind = $1 order by index",
        [kind],
      )
    ).map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  const standing = async (): Promise<unknown> => {
    const ended = await lethe("backups", "guard", "--json");
    const { stores } = JSON.parse(ended.stdout) as { stores: readonly { standing: string }[] };
    return [ended.code, stores[0]?.standing];
  };

  const expectNoIdentifier = async (): Promise<void> => {
    const texts = [JSON.stringify(said), ...(await keptTexts(project))];
    expect(texts.filter((text) => /kanarie/i.test(text))).toEqual([]);
  };

  let target = "";
  let afterNight = "";
  let drilled: Ended;

  beforeAll(async () => {
    cluster = await startCluster();
    const { name: _name, keepDays, configFile, store, ...barn } = cluster.config;
    project = await createProject({
      schema: "",
      policy,
      sections: {
        stores: { shop: { url: cluster.url, policy: "policy.yaml" } },
        // The account that runs PostgreSQL gets there.
        drill: { directory: dirname(cluster.repository) },
        backups: { barn: { ...barn, store, keep_days: keepDays, config: configFile } },
      },
    });
    await on(0);
    await cluster.query(schema);
    for (const [index, name] of ["ada", "ben", "cy", "dora", "eve"].entries()) await register(index + 1, name);
    await cluster.backup("full");
    await on(4);
    await cluster.backup("diff");
    await on(11);
    await cluster.backup("full");
    await on(12);
    await forget("ada");
    await on(14);
    await cluster.backup("incr");
    await on(21);
    await cluster.backup("full");
    await on(24);
    await register(6, "fay");
    target = String((await cluster.query("select clock_timestamp()::text as at"))[0]?.["at"]);
    await on(25);
    await forget("ben", "eve");
    afterNight = now();
    await cluster.backup("diff");
    await on(28);
    await cluster.backup("full");
    await on(30);
    await register(7, "gil");
    await on(33);
    await forget("cy", "gil");
    drilled = await lethe("backups", "drill", "--json");
    await on(35);
    await cluster.backup("full");
    await on(44);
    await done("run");
    await on(45);
  }, 300_000);
  afterAll(async () => {
    await project.dispose();
    await cluster.dispose();
  });

  test("was tried before: a drill restored a backup of before the last night, and erased again who is in it", async () => {
    const { drills } = JSON.parse(drilled.stdout) as { drills: unknown };
    expect([drilled.code, drills]).toEqual([
      0,
      [
        {
          repository: "barn",
          store: "shop",
          backup: expect.stringMatching(/^\d{8}-\d{6}F$/),
          outcome: "clean",
          code: null,
          restored: expect.any(Number),
          replayed: expect.any(Number),
          // Gil came after the backup was made.
          repeated: 1,
          waiting: 0,
        },
      ],
    ]);
    expect((await readdir(dirname(cluster.repository))).filter((name) => name.includes("drill"))).toEqual([]);
  });

  test("brings the erased back; guard and the night refuse it until they are erased again", async () => {
    expect(await people()).toEqual(["dora", "fay"]);
    await cluster.restore(target);
    expect(await people()).toEqual(["ben", "cy", "dora", "eve", "fay"]);
    await cluster.backup("full");
    expect(await standing()).toEqual([1, "restored"]);
    const before = await everything();
    const night = await lethe("run");
    expect([night.code, night.stderr]).toEqual([1, expect.stringContaining("STORE_RESTORED")]);
    expect(await everything()).toEqual(before);
  });

  test("a time that the store cannot be of is refused", async () => {
    for (const asOf of [afterNight, now(), "2100-01-01T00:00:00Z"]) {
      const ended = await lethe("backups", "replay", "--store", "shop", "--as-of", asOf);
      expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining("RESTORE_TIME")]);
    }
    expect(await standing()).toEqual([1, "restored"]);
  });

  test("whoever was erased since is erased again, and who was created again under the same key", async () => {
    // A queue of the application's delivers late.
    await register(7, "gil");
    const asOf = Temporal.Instant.from(target.replace(" ", "T")).toString({ timeZone: "Asia/Kathmandu" });
    const ended = await done("backups", "replay", "--store", "shop", "--as-of", asOf, "--json");
    const { report, ...summary } = JSON.parse(ended.stdout) as { report: string };
    expect(summary).toMatchObject({ released: true, residuals: 0 });
    expect(await people()).toEqual(["dora", "fay"]);
    expect(await standing()).toEqual([0, "current"]);
    expect(await entries("store.released")).toMatchObject([{ store: "shop", repeated: 4, refused: 0 }]);
    await done("verify", report, "--key", project.keys.public);
    await removeDeadRows();
    const { restores } = JSON.parse(await readFile(join(report, "report.json"), "utf8")) as { restores: unknown };
    expect(restores).toMatchObject([{ store: "shop", batches: 2, repeated: 4, refused: 0, open: 0 }]);
  });

  test("a second replay is refused, and changes nothing", async () => {
    const before = [await everything(), await project.state.query("select * from lethe.request order by id")];
    const again = await lethe("backups", "replay", "--store", "shop", "--as-of", target.replace(" ", "T"));
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("STORE_NOT_RESTORED")]);
    expect([await everything(), await project.state.query("select * from lethe.request order by id")]).toEqual(before);
  });

  test(
    "nobody is called completed before the last backup is gone that was made of the restored store, or before it",
    { timeout: 300_000 },
    async () => {
      const inRepository = (): string =>
        spawnSync("grep", ["-rlE", "(ada|ben|eve|cy|gil)@kanarie", cluster.repository], { encoding: "utf8" }).stdout;
      const states = () =>
        project.state.query("select state, count(*)::int as n from lethe.request group by 1 order by 1");
      for (const day of [55, 66, 74]) {
        await on(day);
        await cluster.backup("full");
        await done("run");
      }
      expect(inRepository()).not.toBe("");
      // Ada was erased before the time to which the store was restored: nothing brought her back.
      expect(await states()).toEqual([
        { state: "completed", n: 1 },
        { state: "erased", n: 8 },
      ]);
      await on(76);
      await done("run");
      expect(inRepository()).toBe("");
      expect(await states()).toEqual([{ state: "completed", n: 9 }]);
      expect(await project.state.query("select from lethe.suppression")).toEqual([]);
      expect(await entries("backup.exception")).toEqual([]);
    },
  );

  test("no identifier of the erased stands in what was said, in the ledger or in a report", () => expectNoIdentifier());
});
