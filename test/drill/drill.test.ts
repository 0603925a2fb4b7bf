import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drillRepositories, type DrillOrder } from "#drill/drill.ts";
import { clockFrom } from "#lib/clock.ts";
import { drillPoints } from "#lib/fault.ts";
import { createLogger } from "#lib/log.ts";
import { silentProgress } from "#lib/progress.ts";
import { systemRandom } from "#lib/random.ts";
import { openContext } from "#open-context.ts";
import { replayErasures } from "#pipeline.ts";
import type { RunSummary } from "#records/run.ts";
import { runJob } from "#run-job.ts";
import { dumpedAt, openShop, type Shop } from "#test/drill/shop.ts";
import { debianMissing } from "#test/flow/debian-server.ts";

type Summary = {
  readonly outcome: string;
  readonly drills: readonly Record<string, unknown>[];
  readonly report: string;
};

describe.skipIf(debianMissing !== undefined)("a drill", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop();
    await shop.dump("shop-2026-11-02T0030Z.sql.gz");
    await shop.erase("canary-1@shop.example", "canary-2@shop.example");
  }, 300_000);
  afterAll(() => shop.dispose());

  const drill = async (
    ...args: string[]
  ): Promise<{ readonly code: number | null; readonly summary: Summary; readonly stderr: string }> => {
    const { code, stdout, stderr } = await shop.run(["backups", "drill", "--json", ...args]);
    return { code, stderr, summary: JSON.parse(stdout) as Summary };
  };
  const place = (): string => join(shop.project.directory, ".lethe/drill");
  const serversIn = (directory: string): string => spawnSync("pgrep", ["-f", directory], { encoding: "utf8" }).stdout;
  const state = (text: string) => shop.project.state.query(text);

  test("restores the newest dump, erases again whoever was erased since, and leaves nothing but a signed entry", async () => {
    const before = await shop.query("select count(*) as n, max(id) as last from customers");
    const requests = await state("select ref, state from lethe.request order by id");
    const { code, summary, stderr } = await drill();
    expect(stderr).not.toContain("canary");
    expect(code).toBe(0);
    expect(summary.drills).toEqual([
      {
        repository: "dumps",
        store: "shop",
        backup: "shop-2026-11-02T0030Z.sql.gz",
        outcome: "clean",
        code: null,
        restored: expect.any(Number),
        replayed: expect.any(Number),
        repeated: 2,
        waiting: 0,
      },
    ]);
    expect(await shop.query("select count(*) as n, max(id) as last from customers")).toEqual(before);
    expect(await state("select ref, state from lethe.request order by id")).toEqual(requests);
    expect(await state("select * from lethe.restore")).toEqual([]);
    const entries = await state("select body from lethe.ledger_entry where kind = 'backup.drilled'");
    expect(entries).toHaveLength(1);
    expect(String(entries[0]?.["body"])).not.toContain("canary");
    expect(existsSync(place())).toBe(false);
    const verified = await shop.run(["verify", summary.report, "--key", shop.project.keys.public]);
    expect(verified.code).toBe(0);
  });

  test("reads a dump in the custom format as well, and one that is not packed", async () => {
    for (const [name, format] of [
      ["shop-2026-11-02T0031Z.dump", "custom"],
      ["shop-2026-11-02T0032Z.sql", "plain"],
    ] as const) {
      await shop.dump(name, format);
      const { code, summary } = await drill("--repository", "dumps");
      expect({ code, drills: summary.drills }).toMatchObject({
        code: 0,
        drills: [{ backup: name, outcome: "clean", repeated: 0 }],
      });
    }
  });

  test("which is killed leaves a server with everything in it, and the next run of any job destroys both", async () => {
    for (const point of drillPoints) {
      const { code } = await shop.run(["backups", "drill"], { env: { LETHE_FAULT: point } });
      expect([point, code]).toEqual([point, null]);
      expect(existsSync(place())).toBe(true);
      expect(await shop.run(["run", "verify"])).toMatchObject({ code: 0 });
      expect(existsSync(place())).toBe(false);
      expect(serversIn(place())).toBe("");
    }
    expect((await drill()).summary.drills).toMatchObject([{ outcome: "clean" }]);
  });

  test("tells by code what could not be restored, and that somebody must look", async () => {
    const file = join(shop.backups, "shop-2026-11-02T0100Z.sql");
    await writeFile(
      file,
      "-- PostgreSQL database dump\n\ncreate extension no_such;\n\n-- PostgreSQL database dump complete\n",
    );
    await utimes(file, new Date(dumpedAt), new Date(dumpedAt));
    const { code, summary } = await drill();
    expect({ code, drills: summary.drills }).toMatchObject({
      code: 5,
      drills: [{ backup: "shop-2026-11-02T0100Z.sql", outcome: "failed", code: "DRILL_FAILED", restored: null }],
    });
    await rm(file);
    expect(await shop.run(["backups", "drill", "--repository", "barn"])).toMatchObject({ code: 2 });
    expect(existsSync(place())).toBe(false);
  });

  test("does not call a backup clean in which nobody is: of another database, or without its rows", async () => {
    const file = join(shop.backups, "shop-2026-11-02T0101Z.sql");
    await writeFile(
      file,
      "-- PostgreSQL database dump\n\ncreate table customers (id bigint primary key, email text);\ncreate table orders (id bigint primary key, customer_id bigint references customers, note text);\n\n-- PostgreSQL database dump complete\n",
    );
    await utimes(file, new Date(dumpedAt), new Date(dumpedAt));
    expect((await drill()).summary.drills).toMatchObject([{ outcome: "failed", code: "DRILL_FAILED" }]);
    await rm(file);
  });

  test("ends with 0 when it was clean, whatever else waits for a person", async () => {
    const added = await shop.run(["request", "add", "--email", "canary-9@shop.example", "--received", "2026-08-03"]);
    expect(added).toMatchObject({ code: 0, stderr: "" });
    const { code, summary } = await drill();
    expect([code, summary.outcome]).toEqual([0, "attention"]);
  });

  test("says that somebody would wait for a person before the store could serve", async () => {
    for (const name of await readdir(shop.backups)) await rm(join(shop.backups, name));
    await shop.dump("shop-2026-11-02T0030Z.sql.gz");
    // In the backup their row has another address: whether it is theirs nobody can tell but a person.
    await shop.query("update customers set email = 'canary-renamed@shop.example' where id = 5");
    await shop.erase("canary-renamed@shop.example");
    const { code, summary } = await drill();
    expect({ code, outcome: summary.outcome, drills: summary.drills }).toMatchObject({
      code: 5,
      outcome: "attention",
      drills: [{ outcome: "waiting", code: null, repeated: 0, waiting: 1 }],
    });
    expect((await shop.run(["backups", "guard"])).code).toBe(0);
  });

  const stopped = async (
    controller: AbortController,
    replay: DrillOrder["replay"] = replayErasures,
  ): Promise<Pick<RunSummary, "outcome" | "drills">> => {
    await using context = await openContext({
      configFile: join(shop.project.directory, "lethe.yaml"),
      env: {},
      clock: clockFrom(Temporal.Instant.from("2026-11-02T05:00:00Z")),
      random: systemRandom,
      log: createLogger({ level: "silent", pretty: false, destination: process.stderr }),
      progress: silentProgress,
      signal: controller.signal,
    });
    const { outcome, drills } = await runJob(context, {
      name: "drill",
      timeout: "PT1H",
      run: (ctx, run) => drillRepositories(ctx, run, { only: undefined, replay }),
    });
    return { outcome, drills };
  };

  test("that is stopped says nothing of the backup", async () => {
    const controller = new AbortController();
    const before = await state("select count(*) as n from lethe.drill");
    const ended = await stopped(controller, async (...there) => {
      controller.abort();
      await replayErasures(...there);
    });
    expect(ended).toEqual({ outcome: "stopped", drills: [] });
    expect(await state("select count(*) as n from lethe.drill")).toEqual(before);
    expect(existsSync(place())).toBe(false);
  });

  test("that is stopped while a program restores stops the program, however long it would have gone on", async () => {
    const controller = new AbortController();
    const before = await state("select count(*) as n from lethe.drill");
    const dump =
      "--\n-- PostgreSQL database dump\n--\nselect pg_sleep(3600);\n--\n-- PostgreSQL database dump complete\n--\n";
    const file = join(shop.backups, "shop-2026-11-02T0430Z.sql.gz");
    await writeFile(file, gzipSync(dump));
    const at = new Date("2026-11-02T04:30:00Z");
    await utimes(file, at, at);
    const ending = stopped(controller);
    while (serversIn(place()) === "" || spawnSync("pgrep", ["-f", "psql --host=.*lethe-drill"]).status !== 0)
      await sleep(50);
    controller.abort();
    expect(await ending).toEqual({ outcome: "stopped", drills: [] });
    expect(await state("select count(*) as n from lethe.drill")).toEqual(before);
    expect([existsSync(place()), serversIn(place())]).toEqual([false, ""]);
    await rm(file);
  });
});
