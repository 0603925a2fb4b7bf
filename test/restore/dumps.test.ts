import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resticMissing } from "#test/backups/programs.ts";
import { setModified, writeSideCar } from "#test/backups/repository-files.ts";
import { debianBinaries, debianMissing, startDebianServer, type DebianServer } from "#test/flow/debian-server.ts";
import { keptTexts } from "#test/restore/kept-texts.ts";
import { closePool, openPool, type Pool } from "#db/pool.ts";
import type { Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const missing = debianMissing ?? resticMissing;

const schema = `
  create table customers (id int primary key, email text, name text);
  create table orders (id int generated always as identity primary key, customer_id int references customers, placed_on date not null, total numeric not null, ship_to text);
  create table events (id int generated always as identity primary key, customer_id int, plan text not null, url text);`;

const policy = `
policy: shop
version: 1
effective: 2024-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email }, names: [name] }
links: [events.customer_id -> customers.id]
classes:
  voucher: { basis: 'HGB §257', period: P8Y, anchor: end-of-calendar-year }
tables:
  customers: { treatment: anonymise, columns: { email: { unique: 'erased-{random}@invalid' }, name: { set: null } } }
  orders: { treatment: retain, class: voucher, clock: placed_on, columns: { customer_id: keep, placed_on: keep, total: keep, ship_to: { set: null } } }
  events: { treatment: anonymise, columns: { customer_id: { set: null }, plan: keep, url: { set: null } } }
`;

describe.skipIf(missing !== undefined)(
  `a store that is restored from a dump${missing === undefined ? "" : `: ${missing}`}`,
  () => {
    let server: DebianServer;
    let project: Project;
    let shop: Pool;
    let dumps: string;
    const said: Ended[] = [];

    /** Runs a program of PostgreSQL or restic; what it prints, as bytes. */
    const finish = (program: string, args: readonly string[], input?: Uint8Array): Promise<Buffer> =>
      new Promise((settle, reject) => {
        const env = {
          ...process.env,
          PGPASSWORD: server.password,
          RESTIC_REPOSITORY: join(project.directory, "vault"),
          RESTIC_PASSWORD_FILE: join(project.directory, "password"),
          TZ: "UTC",
        };
        const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "inherit"] });
        const out: Buffer[] = [];
        child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
        child.on("error", reject);
        child.on("close", (code) =>
          code === 0 ? settle(Buffer.concat(out)) : reject(new Error(`${program} ended with ${code}`)),
        );
        child.stdin.end(input);
      });
    const onServer = (program: string, args: readonly string[], input?: Uint8Array): Promise<Buffer> =>
      finish(
        join(debianBinaries ?? "", program),
        ["-h", "127.0.0.1", "-p", String(server.port), "-U", "postgres", ...args],
        input,
      );
    const query = async (text: string): Promise<Record<string, unknown>[]> =>
      (await shop.raw.query<Record<string, unknown>>(text)).rows;

    const at = (day: string, time = "03:00:00"): string => `${day}T${time}Z`;
    const lethe = async (now: string, ...args: readonly string[]): Promise<Ended> => {
      const surroundings = { cwd: project.directory, env: { LETHE_LOG: "debug" } };
      const ended = await letheHere([...args, "--now", now], surroundings);
      said.push(ended);
      return ended;
    };
    const done = async (now: string, ...args: readonly string[]): Promise<Ended> => {
      const ended = await lethe(now, ...args);
      expect(ended).toMatchObject({ code: 0 });
      return ended;
    };
    const register = (id: number, name: string): Promise<unknown> =>
      query(`insert into customers values (${id}, '${name}@kanarie.example', '${name} Kanarie');
      insert into orders (customer_id, placed_on, total, ship_to) values (${id}, '2026-09-01', ${id}, '${name} Kanarie, 1 Street');
      insert into events (customer_id, plan, url) values (${id}, 'gold', '/?mail=${name}%40kanarie.example')`);
    /** The night of a day, with a dump of the hour before it in both repositories. */
    const night = async (day: string, ...forget: readonly string[]): Promise<void> => {
      await backUp(day);
      for (const name of forget)
        await done(at(day, "02:30:00"), "request", "add", "--email", `${name}@kanarie.example`);
      if (forget.length > 0) await done(at(day, "02:40:00"), "request", "approve", "--all", "--by", "dpo");
      await done(at(day), "run");
    };
    const backUp = async (day: string): Promise<void> => {
      const name = `shop-${day}T0200Z.dump`;
      const dump = await onServer("pg_dump", ["-Fc", "shop"]);
      await writeFile(join(dumps, name), dump);
      await setModified(dumps, name, at(day, "02:10:00"));
      await writeSideCar(dumps, name);
      await finish(
        "restic",
        ["backup", "-q", "--time", `${day} 02:10:00`, "--stdin", "--stdin-filename", "shop.dump"],
        dump,
      );
    };
    /** Puts a dump in the place of the database. */
    const restore = async (dump: Uint8Array): Promise<void> => {
      await onServer("dropdb", ["--force", "shop"]);
      await onServer("createdb", ["shop"]);
      await onServer("pg_restore", ["-d", "shop"], dump);
    };
    const people = async (): Promise<readonly unknown[]> =>
      (
        await query(`select distinct lower(substring(t from '(\\w+)(?:@| |%40)[Kk]anarie')) as name from (select customers::text as t from customers
        union all select orders::text from orders union all select events::text from events) x where t ~* 'kanarie' order by 1`)
      ).map(({ name }) => name);
    const guard = async (now: string): Promise<number | null> => (await lethe(now, "backups", "guard")).code;
    const replay = (now: string, asOf: string, ...more: readonly string[]): Promise<Ended> =>
      lethe(now, "backups", "replay", "--store", "shop", "--as-of", asOf, "--json", ...more);

    beforeAll(async () => {
      server = await startDebianServer();
      const url = `postgres://postgres:${server.password}@127.0.0.1:${server.port}/shop`;
      project = await createProject({
        schema: "",
        policy,
        sections: {
          stores: { shop: { url, policy: "policy.yaml" } },
          backups: {
            dumps: { kind: "directory", store: "shop", path: "dumps" },
            vault: { kind: "restic", store: "shop", repository: "vault", password_file: "password" },
          },
        },
      });
      dumps = join(project.directory, "dumps");
      await mkdir(dumps);
      await writeFile(join(project.directory, "password"), "correct horse\n", { mode: 0o600 });
      await finish("restic", ["init", "-q"]);
      await onServer("createdb", ["shop"]);
      shop = openPool({ url, applicationName: "lethe test", label: "shop" });
      await query(schema);
      for (const [index, name] of ["ada", "ben", "cy", "dora", "eve"].entries()) await register(index + 1, name);
      await night("2026-10-01");
      await night("2026-10-06", "ada");
      await night("2026-10-11", "ben");
      await register(6, "fay");
      await night("2026-10-16");
      await night("2026-10-21", "cy", "fay");
      await night("2026-11-02");
    }, 300_000);
    afterAll(async () => {
      await closePool(shop);
      await server.stop();
      await project.dispose();
    });

    test("by the repository of dumps brings back who was erased since; replayed, the store is released", async () => {
      expect(await people()).toEqual(["dora", "eve"]);
      const [oldest = ""] = (await readdir(dumps)).toSorted();
      expect(oldest).toBe("shop-2026-10-06T0200Z.dump");
      await restore(await readFile(join(dumps, oldest)));
      expect(await people()).toEqual(["ada", "ben", "cy", "dora", "eve"]);
      const now = at("2026-11-02", "10:00:00");
      expect(await guard(now)).toBe(1);
      expect(await lethe(now, "run")).toMatchObject({ code: 1, stderr: expect.stringContaining("STORE_RESTORED") });
      const ended = await replay(at("2026-11-02", "11:00:00"), "2026-10-06T04:10:00+02:00");
      expect(ended).toMatchObject({ code: 0 });
      expect(await people()).toEqual(["dora", "eve"]);
      expect(await guard(at("2026-11-02", "12:00:00"))).toBe(0);
      const { report } = JSON.parse(ended.stdout) as { report: string };
      await done(at("2026-11-02", "12:00:00"), "verify", report, "--key", project.keys.public);
    });

    test("by restic, from the newest snapshot that stays, the same", async () => {
      await night("2026-11-03", "eve");
      const snapshots = JSON.parse(String(await finish("restic", ["snapshots", "--json"]))) as {
        id: string;
        time: string;
      }[];
      const newest = snapshots.toSorted((a, b) => (a.time < b.time ? -1 : 1)).at(-1);
      expect(newest?.time.slice(0, 16)).toBe("2026-11-03T02:10");
      expect(await people()).toEqual(["dora"]);
      await restore(await finish("restic", ["dump", newest?.id ?? "", "shop.dump"]));
      expect(await people()).toEqual(["dora", "eve"]);
      expect(await guard(at("2026-11-03", "10:00:00"))).toBe(1);
      expect(await replay(at("2026-11-03", "11:00:00"), "2026-11-03T02:10:00Z")).toMatchObject({ code: 0 });
      expect(await people()).toEqual(["dora"]);
      expect(await guard(at("2026-11-03", "12:00:00"))).toBe(0);
    });

    test("a dump without Lethe's schema, restored into the store as it is, is noticed by nobody: who says so has it replayed", async () => {
      await night("2026-11-04");
      await register(7, "gil");
      const dump = await onServer("pg_dump", ["-Fc", "-n", "public", "shop"]);
      await night("2026-11-05", "gil");
      expect(await people()).toEqual(["dora"]);
      await onServer("pg_restore", ["-d", "shop", "--clean"], dump);
      expect(await people()).toEqual(["dora", "gil"]);
      expect(await guard(at("2026-11-05", "10:00:00"))).toBe(0);
      const asOf = "2026-11-04T12:00:00Z";
      expect(await replay(at("2026-11-05", "11:00:00"), asOf)).toMatchObject({
        code: 1,
        stdout: expect.stringContaining("STORE_NOT_RESTORED"),
      });
      expect(await replay(at("2026-11-05", "11:00:00"), asOf, "--part")).toMatchObject({ code: 0 });
      expect(await people()).toEqual(["dora"]);
      expect(await guard(at("2026-11-05", "12:00:00"))).toBe(0);
      const again = await replay(at("2026-11-05", "13:00:00"), asOf, "--part");
      expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
        0,
        // Said once more it is another restore, perhaps of what hangs on rows that look erased.
        { released: true, restores: [{ repeated: 1 }] },
      ]);
    });

    test("nobody is called completed before the last dump and snapshot is gone that was made before the release", async () => {
      for (const day of ["2026-11-20", "2026-12-04"]) await night(day);
      const open = () => project.state.query("select from lethe.request where state = 'erased'");
      expect((await open()).length).toBeGreaterThan(0);
      await night("2026-12-06");
      expect(await project.state.query("select distinct state from lethe.request")).toEqual([{ state: "completed" }]);
      expect(await project.state.query("select from lethe.suppression")).toEqual([]);
    });

    test("no identifier of the erased stands in what was said, in the ledger or in a report", async () => {
      const texts = [JSON.stringify(said), ...(await keptTexts(project))];
      expect(texts.filter((text) => /kanarie/i.test(text))).toEqual([]);
    });
  },
);
