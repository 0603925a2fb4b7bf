import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { goodGzip, writeSet } from "#test/backups/repository-files.ts";
import { Children, type Fate, type Killing } from "#test/fault/children.ts";
import { dropCopy, restoreCopy, restoreState, takeCopy, takeState } from "#test/restore/copies.ts";
import type { JobOrder } from "#test/restore/job-process.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

export const people = 110;
/** Who is erased in a night of five weeks before, and up to whom in the night that is watched; the others stay. */
export const earlier = 20;
export const watched = 80;

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

const day = 86_400_000;
const theNight = Date.parse("2026-11-02T03:00:00Z");
const nameOf = (taken: number): string =>
  `shop-${new Date(taken).toISOString().replaceAll(/[-:]/g, "").slice(0, 13)}Z.sql.gz`;
/** Four dumps a day, for sixty days until the one before the night. */
const taken = Array.from({ length: 240 }, (_, index) => Date.parse("2026-11-01T20:00:00Z") - index * (day / 4));
const isDue = (at: number): boolean => at + 30 * day < theNight;
export const dueSets = taken.filter(isDue).length;
export const keptSets = taken.length - dueSets;

/** To what moment the store is restored. */
const asOf = "2026-11-01T12:00:00Z";

/** What is started, and killed. */
export type What = JobOrder["job"];

export type KillScene = {
  readonly start: (what: What, killing?: Killing) => Promise<Fate>;
  /** The morning before the night that is watched. */
  readonly before: () => Promise<void>;
  /** That night is over, and the store was restored to a time before it. */
  readonly restored: () => Promise<void>;
  /** What holds at whatever moment a process dies does not. */
  readonly wrong: () => Promise<readonly unknown[]>;
  /** Nor does what holds once everything is done. */
  readonly wrongInTheEnd: () => Promise<readonly unknown[]>;
  /** How many rows name somebody up to a number. */
  readonly named: (upTo: number) => Promise<number>;
  /** Sets that are there. */
  readonly sets: () => Promise<number>;
  /** Entries of a kind in the ledger. */
  readonly entries: (kind: string) => Promise<number>;
  /** How many requests are in which state. */
  readonly states: () => Promise<unknown>;
  readonly dispose: () => Promise<void>;
};

export const openKillScene = async (): Promise<KillScene> => {
  const project = await createProject({
    schema,
    policy,
    sections: { backups: { nightly: { kind: "directory", store: "shop", path: "backups" } } },
  });
  const children = new Children<JobOrder>(2, join(import.meta.dirname, "job-process.ts"));
  const backups = join(project.directory, "backups");
  const configFile = join(project.directory, "lethe.yaml");
  await mkdir(backups);
  // Several batches.
  const written = await readFile(configFile, "utf8");
  await writeFile(configFile, written.replace("policy: policy.yaml", "policy: policy.yaml\n    batch: 20"));
  let minute = 0;
  /** No run begins before the last one did. */
  const now = (): string => {
    minute += 1;
    return new Date(theNight + minute * 60_000).toISOString();
  };
  const start: KillScene["start"] = (job, killing = {}) =>
    children.night(job === "replay" ? { configFile, now: now(), job, asOf } : { configFile, now: now(), job }, killing);
  const databases = [project.store, project.state];
  const reset = async (store: string, state: string): Promise<void> => {
    await Promise.all([restoreCopy(project.store, store), restoreState(project, state)]);
    minute = 0;
  };
  const before = async (): Promise<void> => {
    await reset("stage", "stage");
    await rm(backups, { recursive: true });
    await mkdir(backups);
    for (const at of taken) await writeSet(backups, nameOf(at), goodGzip(String(at)), new Date(at).toISOString());
  };

  await ask(project, "2026-09-27T02:30:00Z", 1, earlier);
  await lethe(project, "2026-09-27T02:40:00Z", "run");
  await ask(project, "2026-11-02T02:30:00Z", earlier + 1, watched);
  await takeCopy(project.store, "stage");
  await takeState(project, "stage");
  await before();
  await start("nightly");
  await takeState(project, "after");

  const bodies = (kind: string) => bodiesOf(project, kind);
  const named = async (upTo: number): Promise<number> => {
    const [row] = await project.store.query<{ n: number }>(
      `select (select count(*) from customers where id <= $1 and (email like '%canary%' or name is not null))
        + (select count(*) from notes where customer_id <= $1) + (select count(*) from invoices where customer_id <= $1 and name is not null)
        + (select count(*) from events where id <= $1 and (customer_id is not null or url is not null)) as n`,
      [upTo],
    );
    return Number(row?.n);
  };
  const wrong = async (): Promise<readonly unknown[]> => {
    const found = [...(await wrongSets(project, await readdir(backups)))];
    for (const kind of ["request.erased", "request.completed", "request.repeats"])
      found.push(...twice((await bodies(kind)).map(({ request }) => request)).map((ref) => [`twice ${kind}`, ref]));
    const done = await project.state.query("select from lethe.request where state in ('erased', 'completed')");
    const { code } = await letheHere(["backups", "guard", "--now", now()], { cwd: project.directory });
    if (code === 0 && done.length >= watched && (await named(watched)) > 0) found.push("may serve with people in it");
    return found;
  };
  return {
    start,
    before,
    // Of the sets nothing changes in a replay.
    restored: () => reset("stage", "after"),
    wrong,
    wrongInTheEnd: async () => [...(await wrong()), ...(await wrongBundles(project))],
    named,
    sets: async () => (await readdir(backups)).length,
    entries: async (kind) => (await bodies(kind)).length,
    states: () => project.state.query("select state, count(*)::int as n from lethe.request group by 1 order by 1"),
    dispose: async () => {
      await children[Symbol.asyncDispose]();
      for (const database of databases) await dropCopy(database, "stage");
      await dropCopy(project.state, "after");
      await project.dispose();
    },
  };
};

const lethe = async ({ directory }: Project, now: string, ...args: readonly string[]): Promise<void> => {
  expect(await letheHere([...args, "--now", now], { cwd: directory })).toMatchObject({ code: 0 });
};

/** Everybody from one number to another asks on that day, and is approved. */
const ask = async (project: Project, now: string, from: number, to: number): Promise<void> => {
  const each = Array.from(
    { length: to - from + 1 },
    (_, index) => `${now.slice(0, 10)},person${from + index}@canary.example\n`,
  );
  await writeFile(join(project.directory, "requests.csv"), `received,email\n${each.join("")}`);
  await lethe(project, now, "request", "import", "requests.csv");
  await lethe(project, now, "request", "approve", "--all", "--by", "dpo");
};

const bodiesOf = async ({ state }: Project, kind: string): Promise<readonly Record<string, string>[]> => {
  const rows = await state.query<{ body: string }>(
    "select body from lethe.ledger_entry where kind = $1 order by index",
    [kind],
  );
  return rows.map(({ body }) => JSON.parse(body) as Record<string, string>);
};

const twice = (values: readonly unknown[]): readonly unknown[] =>
  values.filter((value, index) => values.indexOf(value) !== index);

/** Each purge on record is one, of a set that is gone and was due; and nobody is completed whom a set may hold. */
const wrongSets = async (project: Project, there: readonly string[]): Promise<readonly unknown[]> => {
  const purged = (await bodiesOf(project, "backup.purged")).map(({ name = "" }) => name);
  const oldest = Math.min(...taken.filter((at) => there.includes(nameOf(at))));
  const completed = await project.state.query(
    "select ref from lethe.request where state = 'completed' and erased_at >= $1",
    [new Date(oldest).toISOString()],
  );
  return [
    ...twice(purged).map((name) => ["purged twice", name]),
    ...purged.filter((name) => there.includes(name)).map((name) => ["told as purged and there", name]),
    ...taken
      .filter((at) => !isDue(at) && !there.includes(nameOf(at)))
      .map((at) => ["gone before its time", nameOf(at)]),
    ...completed.map(({ ref }) => ["completed while a backup holds them", ref]),
  ];
};

/** Every run that was begun has left one bundle, which verifies. */
const wrongBundles = async ({ keys, state }: Project): Promise<readonly unknown[]> => {
  const publicKey = await readFile(keys.public, "utf8");
  const runs = await state.query<{ id: string; bundle: string | null }>("select id, bundle from lethe.run");
  const found: unknown[] = [];
  for (const { id, bundle } of runs) {
    const verified = bundle === null ? "no bundle" : await verifyBundle(bundle, publicKey).catch(String);
    if (typeof verified === "string") found.push([id, verified]);
  }
  return found;
};
