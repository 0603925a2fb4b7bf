import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startEmbedded, type EmbeddedServer } from "#db/embedded.ts";
import { exitOf } from "#lib/error-codes.ts";
import { LetheError } from "#lib/errors.ts";
import { differences, readEndState, type EndState } from "#test/fault/end-state.ts";
import { wholeNight } from "#test/fault/night.ts";
import { attempts, momentsOf } from "#test/fault/moments.ts";
import { oddities } from "#test/fault/oddities.ts";
import { moveScene, openScene, query, setStage, type Stage } from "#test/fault/scene.ts";

const moments = Number(process.env["LETHE_FAULT_DATABASE_MOMENTS"] ?? 2);
const seed = Number(process.env["LETHE_FAULT_SEED"] ?? 20261102);

let directory: string;
let server: EmbeddedServer;
let stage: Stage;
let reference: EndState;
/** How long a night takes here and now, in milliseconds. */
let usual: number;
// The port changes with every start.
const urlOf = (database: string): string => server.url(database);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-killed-"));
  await chmod(directory, 0o711);
  server = await startEmbedded(directory);
  stage = await setStage(urlOf);
  const scene = await openScene(stage);
  const started = performance.now();
  await wholeNight(scene.order);
  usual = performance.now() - started;
  reference = await readEndState(scene);
  expect(await oddities(scene)).toEqual([]);
  await scene.dispose();
}, 120_000);
afterAll(async () => {
  await server.stop();
  await Promise.all([directory, stage.directory].map((path) => rm(path, { recursive: true, force: true })));
});

const killServer = async (): Promise<void> => {
  const lines = await readFile(join(directory, "postgres/postmaster.pid"), "utf8");
  process.kill(Number(lines.split("\n")[0]), "SIGKILL");
};

/** Kills the server under a night, starts it and runs again: says how the first night failed, if it did; if not, it is the usual one. */
const killAndRunAgain = async (afterMs: number): Promise<LetheError | undefined> => {
  const scene = await openScene(stage);
  // PostgreSQL copies a sequence with the numbers it has logged in advance: without a checkpoint, those that the night
  // takes from a fresh copy would be taken again after the crash.
  await query(urlOf("postgres"), "checkpoint");
  const killing = new Promise<void>((settle, reject) => {
    setTimeout(() => void killServer().then(settle, reject), afterMs);
  });
  const started = performance.now();
  const night = await wholeNight(scene.order).catch((error: unknown) => error);
  const took = performance.now() - started;
  await killing;
  await server.stop();
  server = await startEmbedded(directory);
  await moveScene(stage, scene);
  await wholeNight(scene.again);
  const found = { differences: differences(reference, await readEndState(scene)), oddities: await oddities(scene) };
  expect({ afterMs, ...found }).toEqual({ afterMs, differences: [], oddities: [] });
  await scene.dispose();
  if (night instanceof LetheError) return night;
  expect(night).toMatchObject({ outcome: "attention" });
  usual = took;
  return undefined;
};

test(
  `the database server killed at ${moments} random moments of a night, the next run ends as an undisturbed night does`,
  async () => {
    let failed = 0;
    for (const moment of momentsOf(moments, seed)) {
      for (const sooner of attempts) {
        const error = await killAndRunAgain(moment * sooner * usual);
        if (error === undefined) continue;
        failed += 1;
        expect(["DATABASE_LOST", "DATABASE_REFUSED"]).toContain(error.code);
        expect(exitOf(error.code)).toBe(1);
        break;
      }
    }
    expect(failed).toBe(moments);
  },
  60_000 + moments * 30_000,
);
