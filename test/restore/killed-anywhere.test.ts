import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { faultPoints, restorePoints, type FaultPoint } from "#lib/fault.ts";
import { momentsOf } from "#test/fault/moments.ts";
import {
  dueSets,
  earlier,
  keptSets,
  openKillScene,
  people,
  watched,
  type KillScene,
  type What,
} from "#test/restore/kill-scene.ts";

/** How often processes are killed at random moments, each kind of them as often. */
const moments = Number(process.env["LETHE_FAULT_MOMENTS"] ?? 51);
const seed = Number(process.env["LETHE_FAULT_SEED"] ?? 20261102);
/** For as many processes, on a machine that does something else as well. */
const patience = 60_000 + moments * 20_000;

let scene: KillScene;
beforeAll(async () => {
  scene = await openKillScene();
}, 120_000);
afterAll(() => scene.dispose());

const purged = async (): Promise<void> => {
  expect(await scene.sets()).toBe(keptSets);
  expect(await scene.entries("backup.purged")).toBe(dueSets);
  expect(await scene.entries("request.completed")).toBe(earlier);
};
const nobodyLeft = async (): Promise<void> => {
  expect(await scene.named(watched)).toBe(0);
  expect(await scene.named(people)).toBe((people - watched) * 4);
};

/** For each kind of process, how everything is when it begins and once it is done. */
const kinds: Readonly<Record<What, { readonly open: () => Promise<void>; readonly expectDone: () => Promise<void> }>> =
  {
    nightly: {
      open: () => scene.before(),
      expectDone: async () => {
        expect(await scene.wrongInTheEnd()).toEqual([]);
        await purged();
        await nobodyLeft();
        expect(await scene.entries("request.erased")).toBe(watched);
        expect(await scene.states()).toEqual([
          { state: "completed", n: earlier },
          { state: "erased", n: watched - earlier },
        ]);
      },
    },
    backups: {
      open: () => scene.before(),
      expectDone: async () => {
        expect(await scene.wrongInTheEnd()).toEqual([]);
        await purged();
        expect(await scene.states()).toEqual([
          { state: "approved", n: watched - earlier },
          { state: "completed", n: earlier },
        ]);
      },
    },
    replay: {
      open: () => scene.restored(),
      expectDone: async () => {
        expect(await scene.wrongInTheEnd()).toEqual([]);
        await nobodyLeft();
        expect(await scene.entries("request.repeats")).toBe(watched - earlier);
        expect([await scene.entries("store.restored"), await scene.entries("store.released")]).toEqual([1, 1]);
        expect(await scene.states()).toEqual([
          { state: "completed", n: earlier },
          { state: "erased", n: 2 * (watched - earlier) },
        ]);
      },
    },
  };

/** Goes on until nobody kills it any more. */
const finish = async (what: What): Promise<void> => {
  const released = (await scene.entries("store.released")) > 0;
  expect((await scene.start(what)).said).toBe(what === "replay" && released ? "STORE_NOT_RESTORED" : "done");
  // A run that was killed after the release has not told of it yet.
  if (released) expect((await scene.start("nightly")).said).toBe("done");
};

const shuffled = (values: readonly number[]): number[] => {
  const whole = { minLength: values.length };
  const [drawn = []] = fc.sample(fc.shuffledSubarray([...values], whole), { seed, numRuns: 1 });
  return drawn;
};

test.each<What>(["nightly", "backups", "replay"])(
  "%s, killed at random moments and started again each time, loses nothing and does nothing twice",
  async (what) => {
    const { open, expectDone } = kinds[what];
    await open();
    let { took: usual } = await scene.start(what);
    await expectDone();
    const left = shuffled(momentsOf(Math.ceil(moments / 3), seed));
    while (left.length > 0) {
      await open();
      for (let share = left.pop(); share !== undefined; share = left.pop()) {
        const { signal, took } = await scene.start(what, { afterMs: share * usual });
        expect({ seed, share, wrong: await scene.wrong() }).toEqual({ seed, share, wrong: [] });
        if (signal === "SIGKILL") continue;
        // Too late for what was left: once more, from the beginning.
        left.push(share);
        usual = Math.min(usual, took / share);
        break;
      }
      await finish(what);
      await expectDone();
    }
  },
  patience,
);

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

test.each<FaultPoint>([...restorePoints, ...faultPoints.filter((point) => !elsewhere.has(point))])(
  "a replay that is killed %s goes on where it was",
  async (fault) => {
    const { open, expectDone } = kinds.replay;
    await open();
    expect(await scene.start("replay", { fault })).toMatchObject({ signal: "SIGKILL" });
    expect(await scene.wrong()).toEqual([]);
    await finish("replay");
    await expectDone();
  },
);
