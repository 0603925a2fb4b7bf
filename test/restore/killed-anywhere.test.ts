import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { faultPoints, restorePoints, type FaultPoint } from "#lib/fault.ts";
import { writeNights } from "#test/backups/repository-files.ts";
import { Children, type Fate, type Killing } from "#test/fault/children.ts";
import { momentsOf } from "#test/fault/moments.ts";
import { dropCopy, restoreCopy, takeCopy } from "#test/restore/copies.ts";
import type { JobOrder } from "#test/restore/job-process.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

/** How often processes are killed at random moments, half of them in nights and half while a restore is repeated. */
const moments = Number(process.env["LETHE_FAULT_MOMENTS"] ?? 50);
const seed = Number(process.env["LETHE_FAULT_SEED"] ?? 20261102);

/** For as many processes, on a machine that does something else as well. */
const patience = 60_000 + moments * 20_000;

const people = 110;
/** Who is erased in a night of five weeks before, and who in the night that is watched; the others stay. */
const [earlier, watched] = [20, 80];

const schema = `
  create table customers (id int primary key, email text, name text);
  create table notes (id int primary key, customer_id int not null references customers, body text);
  create table invoices (id int primary key, customer_id int not null references customers, issued_on date not null, amount numeric not null, name text);
  create table events (id int primary key, customer_id int, plan text not null, url text);
  insert into customers select n, 'person' || n || '@canary.example', 'Canary ' || n from generate_series(1, ${people}) n;
  insert into notes select id, id, 'call ' || email from customers;
  insert into invoices select id, id, '2026-03-01', id, name from customers;
  insert into events select id, id, 'gold', '/?mail=' || email from customers;`;

const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email }, names: [name] }
links: [events.customer_id -> customers.id]
classes:
  voucher: { basis: 'HGB §257', period: P8Y, anchor: end-of-calendar-year }
tables:
  customers: { treatment: anonymise, columns: { email: { unique: 'erased-{random}@invalid' }, name: { set: null } } }
  notes: { treatment: erase }
  invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, amount: keep, name: { set: null } } }
  events: { treatment: anonymise, columns: { customer_id: { set: null }, plan: keep, url: { set: null } }, conserve: [count] }
`;

let project: Project;
let children: Children<JobOrder>;
let backups: string;
/** Minutes since the beginning: no run begins before the last one did. */
let minute = 0;

const at = (): string => {
  minute += 1;
  return new Date(Date.parse("2026-11-02T03:00:00Z") + minute * 60_000).toISOString();
};
const lethe = async (now: string, ...args: readonly string[]): Promise<void> => {
  expect(await letheHere([...args, "--now", now], { cwd: project.directory })).toMatchObject({ code: 0 });
};
const ask = async (now: string, from: number, to: number): Promise<void> => {
  const lines = Array.from(
    { length: to - from + 1 },
    (_, index) => `2026-09-20,person${from + index}@canary.example\n`,
  );
  await writeFile(join(project.directory, "requests.csv"), `received,email\n${lines.join("")}`);
  await lethe(now, "request", "import", "requests.csv");
  await lethe(now, "request", "approve", "--all", "--by", "dpo");
};
/** Points that no replay comes to: nobody is imported, exported or purged in it. */
const elsewhere = new Set<FaultPoint>([
  "after-import-row-batch",
  "after-export-written",
  "before-backup-unlink",
  "after-backup-unlink",
  "after-backups-finished",
  "after-backups-recorded",
  "before-suppression-destroyed",
]);

const asOf = "2026-11-01T12:00:00Z";
type What = "night" | "replay";
const start = (what: What, killing: Killing): Promise<Fate> => {
  const configFile = join(project.directory, "lethe.yaml");
  return children.night({ configFile, now: at(), ...(what === "replay" ? { asOf } : {}) }, killing);
};

beforeAll(async () => {
  children = new Children(2, join(import.meta.dirname, "job-process.ts"));
  project = await createProject({
    schema,
    policy,
    sections: {
      backups: { nightly: { kind: "directory", store: "shop", path: "backups" } },
    },
  });
  const config = join(project.directory, "lethe.yaml");
  await writeFile(
    config,
    (await readFile(config, "utf8")).replace("policy: policy.yaml", "policy: policy.yaml\n    batch: 20"),
  );
  backups = join(project.directory, "backups");
  await mkdir(backups);
  await ask("2026-09-27T02:30:00Z", 1, earlier);
  await lethe("2026-09-27T02:40:00Z", "run");
  await ask("2026-11-02T02:30:00Z", earlier + 1, watched);
  await takeCopy(project.store, "stage");
  await takeCopy(project.state, "stage");
  await setStage();
}, 120_000);
afterAll(async () => {
  await children[Symbol.asyncDispose]();
  for (const database of [project.store, project.state]) await dropCopy(database, "stage");
  await project.dispose();
});

/** The morning before the night that is watched, with a dump of each of the sixty days before. */
const setStage = async (): Promise<void> => {
  await Promise.all([restoreCopy(project.store, "stage"), restoreCopy(project.state, "stage")]);
  await rm(backups, { recursive: true });
  await mkdir(backups);
  await writeNights(backups, 60, "2026-11-02");
};

const due = (name: string): boolean => name < "shop-2026-10-03T0300Z";
const bodies = async (...kinds: readonly string[]): Promise<Record<string, string>[]> =>
  (
    await project.state.query<{ body: string }>(
      "select body from lethe.ledger_entry where kind = any ($1) order by index",
      [kinds],
    )
  ).map(({ body }) => JSON.parse(body) as Record<string, string>);
const twice = (values: readonly unknown[]): readonly unknown[] =>
  values.filter((value, index) => values.indexOf(value) !== index);
/** Rows in which somebody up to a number is named. */
const named = async (upTo: number): Promise<number> => {
  const [row] = await project.store.query<{ n: number }>(
    `select (select count(*) from customers where id <= $1 and (email like '%canary%' or name is not null))
      + (select count(*) from notes where customer_id <= $1) + (select count(*) from invoices where customer_id <= $1 and name is not null)
      + (select count(*) from events where id <= $1 and (customer_id is not null or url is not null)) as n`,
    [upTo],
  );
  return Number(row?.n);
};

/** What has to hold at whatever moment a process dies. */
const wrong = async (): Promise<readonly unknown[]> => {
  const found: unknown[] = [];
  const there = await readdir(backups);
  const all = Array.from({ length: 60 }, (_, back) => {
    const day = new Date(Date.parse("2026-11-02") - back * 86_400_000).toISOString().slice(0, 10);
    return `shop-${day}T0200Z.sql.gz`;
  });
  const purged = (await bodies("backup.purged")).map(({ name = "" }) => name);
  found.push(...twice(purged).map((name) => ["purged twice", name]));
  found.push(...purged.filter((name) => there.includes(name)).map((name) => ["told as purged and there", name]));
  found.push(
    ...all.filter((name) => !there.includes(name) && !due(name)).map((name) => ["gone before its time", name]),
  );
  const [oldest = ""] = there.toSorted();
  const clear = `${oldest.slice(5, 15)}T02:00:00Z`;
  found.push(
    ...(
      await project.state.query("select ref from lethe.request where state = 'completed' and erased_at >= $1", [clear])
    ).map(({ ref }) => ["completed while a backup holds them", ref]),
  );
  for (const kind of ["request.erased", "request.completed"])
    found.push(...twice((await bodies(kind)).map(({ request }) => request)).map((ref) => [`twice ${kind}`, ref]));
  const done = await project.state.query("select from lethe.request where state in ('erased', 'completed')");
  const { code } = await letheHere(["backups", "guard", "--now", at()], { cwd: project.directory });
  if (code === 0 && done.length >= watched && (await named(watched)) > 0) found.push("may serve with people in it");
  return found;
};

/** What has to hold once everything is done. */
const wrongInTheEnd = async (): Promise<readonly unknown[]> => {
  const found = [...(await wrong())];
  const publicKey = await readFile(project.keys.public, "utf8");
  const runs = await project.state.query<{ id: string; bundle: string | null }>("select id, bundle from lethe.run");
  for (const { id, bundle } of runs) {
    const verified = bundle === null ? "no bundle" : await verifyBundle(bundle, publicKey).catch(String);
    if (typeof verified === "string") found.push([id, verified]);
  }
  return found;
};
const states = () => project.state.query("select state, count(*)::int as n from lethe.request group by 1 order by 1");
const entries = async (kind: string): Promise<number> => (await bodies(kind)).length;

const afterTheNight = async (): Promise<void> => {
  expect(await wrongInTheEnd()).toEqual([]);
  expect((await readdir(backups)).length).toBe(30);
  expect(await states()).toEqual([
    { state: "completed", n: earlier },
    { state: "erased", n: watched - earlier },
  ]);
  expect([await entries("backup.purged"), await entries("request.erased"), await entries("request.completed")]).toEqual(
    [30, watched, earlier],
  );
  expect([await named(watched), await named(people)]).toEqual([0, (people - watched) * 4]);
};

const afterTheReplay = async (): Promise<void> => {
  expect(await wrongInTheEnd()).toEqual([]);
  expect(await states()).toEqual([
    { state: "completed", n: earlier },
    { state: "erased", n: 2 * (watched - earlier) },
  ]);
  expect([await entries("store.restored"), await entries("store.released"), await entries("request.repeats")]).toEqual([
    1,
    1,
    watched - earlier,
  ]);
  expect([await named(watched), await named(people)]).toEqual([0, (people - watched) * 4]);
};

/** Goes on until nobody kills it any more. */
const finish = async (what: What): Promise<void> => {
  const released = (await entries("store.released")) > 0;
  expect((await start(what, {})).said).toBe(what === "replay" && released ? "STORE_NOT_RESTORED" : "done");
  // A run that was killed after the release has not told of it yet.
  if (what === "replay" && released) expect((await start("night", {})).said).toBe("done");
};

const shuffled = (values: readonly number[]): number[] => {
  const whole = { minLength: values.length };
  const [drawn = []] = fc.sample(fc.shuffledSubarray([...values], whole), { seed, numRuns: 1 });
  return drawn;
};

/** Kills processes that begin as `open` leaves everything, at each of so many moments once, and starts them again until they are done. */
const killAnywhere = async (what: What, open: () => Promise<void>, expectDone: () => Promise<void>): Promise<void> => {
  await open();
  let { took: usual } = await start(what, {});
  await expectDone();
  const left = shuffled(momentsOf(Math.ceil(moments / 2), seed));
  while (left.length > 0) {
    await open();
    for (let share = left.pop(); share !== undefined; share = left.pop()) {
      const { signal, took } = await start(what, { afterMs: share * usual });
      expect({ seed, share, wrong: await wrong() }).toEqual({ seed, share, wrong: [] });
      if (signal === "SIGKILL") continue;
      // Too late for what was left: once more, from the beginning.
      left.push(share);
      usual = Math.min(usual, took / share);
      break;
    }
    await finish(what);
    await expectDone();
  }
};

test(
  "a night that is killed at random moments, and started again each time, loses nothing and does nothing twice",
  () => killAnywhere("night", setStage, afterTheNight),
  patience,
);

describe("a replay that is killed", () => {
  beforeAll(async () => {
    await setStage();
    await start("night", {});
    await takeCopy(project.state, "after");
  });
  afterAll(() => dropCopy(project.state, "after"));
  const open = async (): Promise<void> => {
    await Promise.all([restoreCopy(project.store, "stage"), restoreCopy(project.state, "after")]);
  };

  test(
    "at random moments, and started again each time, leaves nobody and repeats nobody twice",
    () => killAnywhere("replay", open, afterTheReplay),
    patience,
  );

  test.each<FaultPoint>([...restorePoints, ...faultPoints.filter((point) => !elsewhere.has(point))])(
    "%s goes on where it was",
    async (fault) => {
      await open();
      expect(await start("replay", { fault })).toMatchObject({ signal: "SIGKILL" });
      expect(await wrong()).toEqual([]);
      await finish("replay");
      await afterTheReplay();
    },
  );
});
