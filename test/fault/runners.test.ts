import { readdir } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { Temporal } from "temporal-polyfill";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { nextAttempt, theNight } from "#test/fault/company.ts";
import { differences, readEndState, type EndState } from "#test/fault/end-state.ts";
import { enterRequests, wholeNight } from "#test/fault/night.ts";
import { oddities } from "#test/fault/oddities.ts";
import { clearStage, openScene, query, setStage, type Scene, type Stage } from "#test/fault/scene.ts";
import { startLethe } from "#test/support/cli.ts";
import { urlOf } from "#test/support/database.ts";
import { letheHere } from "#test/support/here.ts";

const patience = 120_000;

let stage: Stage;
let scene: Scene;
afterEach(() => scene.dispose());
afterAll(() => clearStage(stage));

/** Somebody else's transaction on the row of a customer: a runner that comes to it waits until it is let go. */
const holdCustomer = async (id: number): Promise<{ letGo: () => Promise<void> }> => {
  const client = new pg.Client({ connectionString: scene.urls.shop });
  await client.connect();
  await client.query("begin");
  await client.query("select from customers where id = $1 for update", [id]);
  return {
    letGo: async () => {
      await client.query("commit");
      await client.end();
    },
  };
};

const waitingIn = async (url: string): Promise<number> => {
  const [row] = await query<{ count: string }>(
    url,
    `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return Number(row?.count);
};

const runsSince = async (instant: string): Promise<number> =>
  (await query(scene.urls.state, "select from lethe.run where started_at >= $1", [instant])).length;

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; !(await condition()); tries += 1) {
    if (tries === 600) throw new Error("waited a minute in vain");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

const night = ["run", "--json", "--now", theNight];

describe("twelve requests in batches of four", () => {
  let reference: EndState;
  beforeAll(async () => {
    stage = await setStage(urlOf);
    scene = await openScene(stage);
    await wholeNight(scene.order);
    reference = await readEndState(scene);
    await scene.dispose();
  }, patience);
  afterAll(() => clearStage(stage));
  beforeEach(async () => {
    scene = await openScene(stage);
    await enterRequests(scene.order);
  }, patience);

  test(
    "told to stop in the middle of a batch, a run finishes that batch, reports, and leaves the rest to the next",
    async () => {
      const held = await holdCustomer(6);
      const running = startLethe(night, { cwd: scene.directory });
      await until(async () => (await waitingIn(scene.urls.shop)) > 0);
      running.kill("SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 300));
      await held.letGo();
      const ended = await running.ended;
      expect([ended.code, ended.signal, JSON.parse(ended.stdout)]).toMatchObject([1, null, { outcome: "stopped" }]);
      // Two batches of the earlier night, the first of this one, and the one at hand.
      expect((await query(scene.urls.shop, "select from lethe.journal_batch")).length).toBe(2 + 1 + 1);
      expect(await query(scene.urls.state, "select from lethe.batch where state <> 'committed'")).toEqual([]);
      expect((await oddities(scene)).filter((oddity) => !oddity.startsWith("a request is left half done"))).toEqual([]);
      await wholeNight(scene.again);
      expect(differences(reference, await readEndState(scene))).toEqual([]);
      expect(await oddities(scene)).toEqual([]);
    },
    patience,
  );

  test(
    "a runner that lost its lock in the middle of a batch and the one that took over do each request once",
    async () => {
      const held = await holdCustomer(6);
      const first = startLethe(night, { cwd: scene.directory });
      await until(async () => (await waitingIn(scene.urls.shop)) > 0);
      // The machine of the first hangs, and the server drops the connection that held its lock.
      first.kill("SIGSTOP");
      await query(
        scene.urls.state,
        `select pg_terminate_backend(pid) from pg_locks
         where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())`,
      );
      await held.letGo();
      const second = wholeNight(scene.again).catch((error: unknown) => error);
      try {
        await until(async () => (await runsSince(nextAttempt)) > 0);
        // Whether it waits for the store or gives the batch up is its own affair: time for either.
        await new Promise((resolve) => setTimeout(resolve, 1000));
        first.kill("SIGCONT");
        await first.ended;
      } finally {
        first.kill("SIGKILL");
      }
      expect(await second).toMatchObject({ outcome: "attention" });
      expect(differences(reference, await readEndState(scene))).toEqual([]);
      expect(await oddities(scene)).toEqual([]);
    },
    patience,
  );

  test(
    "a clock that went back is refused before anything changes",
    async () => {
      await wholeNight(scene.again);
      const before = await everything();
      const earlier = Temporal.Instant.from(nextAttempt).subtract({ hours: 1 }).toString();
      const ended = await letheHere(["run", "--json", "--now", earlier], { cwd: scene.directory });
      expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([1, { error: { code: "CLOCK_WENT_BACK" } }]);
      expect(await everything()).toEqual(before);
    },
    patience,
  );

  /** Every row of every table that is Lethe's or a store's, and every file. */
  const everything = async (): Promise<Record<string, unknown>> => {
    const found: Record<string, unknown> = { files: (await readdir(scene.directory, { recursive: true })).toSorted() };
    for (const [name, url] of Object.entries(scene.urls)) {
      const tables = await query<{ name: string }>(
        url,
        `select oid::regclass::text as name from pg_class where relkind in ('r', 'm') and relnamespace::regnamespace::text in ('lethe', 'public')`,
      );
      for (const table of tables) {
        const rows = await query<{ row: string }>(url, `select t::text as row from ${table.name} t`);
        found[join(name, table.name)] = rows.map(({ row }) => row).toSorted();
      }
    }
    return found;
  };
});

describe("a hundred requests in batches of ten", () => {
  beforeAll(async () => {
    stage = await setStage(urlOf, { customers: 140, requests: 100, batch: 10 });
    scene = await openScene(stage);
    await enterRequests(scene.order);
  }, patience);

  test(
    "of two runs at once one does everything, each request once, and the other says why it does not",
    async () => {
      const held = await holdCustomer(75);
      const both = [1, 2].map(() => startLethe(night, { cwd: scene.directory }).ended);
      // Neither can finish before the row is let go: the one that ends was turned away.
      const refused = await Promise.race(both);
      await held.letGo();
      const ends = await Promise.all(both);
      const worked = ends.find((ended) => ended !== refused);
      expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([1, { error: { code: "RUN_IN_PROGRESS" } }]);
      expect([worked?.code, JSON.parse(worked?.stdout ?? "{}")]).toMatchObject([
        5,
        { requests: { received: 105, done: 103, failed: 1, pending: 1, blocked: 1 } },
      ]);
      const erased = await query(scene.urls.state, "select from lethe.ledger_entry where kind = 'request.erased'");
      expect(erased.length).toBe(103);
      expect(await oddities(scene)).toEqual([]);
    },
    patience,
  );
});
