import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { faultPoints } from "#lib/fault.ts";
import { Children, type Killing } from "#test/fault/children.ts";
import { differences, readEndState, type EndState } from "#test/fault/end-state.ts";
import { wholeNight } from "#test/fault/night.ts";
import { oddities } from "#test/fault/oddities.ts";
import { clearStage, openScene, setStage, type Stage } from "#test/fault/scene.ts";
import { urlOf } from "#test/support/database.ts";

/** `LETHE_FAULT_MOMENTS=50` takes longer than a test run may. */
const moments = Number(process.env["LETHE_FAULT_MOMENTS"] ?? 12);
const seed = Number(process.env["LETHE_FAULT_SEED"] ?? 20261102);

let stage: Stage;
let reference: EndState;
/** How long a night takes here and now, in milliseconds. */
let usual: number;
const children = new Children(2);

beforeAll(async () => {
  stage = await setStage(urlOf);
  const scene = await openScene(stage);
  const { said, took } = await children.night(scene.order);
  expect(said).toEqual({ outcome: "attention" });
  usual = took;
  reference = await readEndState(scene);
  expect(await oddities(scene)).toEqual([]);
  await scene.dispose();
}, 120_000);
afterAll(async () => {
  await children[Symbol.asyncDispose]();
  await clearStage(stage);
});

/** Kills a night, runs again, and says how the night died and what is not as if nothing had happened. */
const killAndRunAgain = async (killing: Killing) => {
  const scene = await openScene(stage);
  try {
    const { signal, took } = await children.night(scene.order, killing);
    await wholeNight(scene.again);
    const actual = await readEndState(scene);
    return { signal, took, differences: differences(reference, actual), oddities: await oddities(scene) };
  } finally {
    await scene.dispose();
  }
};

test("an undisturbed night does everything that a crash can leave half done", () => {
  const lines = (place: string): number => reference.get(place)?.length ?? 0;
  expect({
    erased: lines("ledger request.erased"),
    completed: lines("ledger request.completed"),
    blocked: lines("ledger request.blocked"),
    failed: lines("ledger request.failed"),
    purged: lines("ledger backup.purged"),
    kept: lines("backup files"),
    spared: lines("shop journal spared"),
    conserved: lines("lethe.conserved"),
    copied: lines("shop.customer_audit"),
  }).toEqual({
    erased: 23,
    completed: 5,
    blocked: 1,
    failed: 1,
    purged: 10,
    kept: 30,
    spared: 1,
    conserved: 4,
    copied: 23,
  });
});

test.each(faultPoints)(
  "killed %s, the next run ends as an undisturbed night does",
  async (fault) => {
    expect(await killAndRunAgain({ fault })).toMatchObject({ signal: "SIGKILL", differences: [], oddities: [] });
  },
  120_000,
);

test(
  `killed at ${moments} random moments, the next run ends as an undisturbed night does`,
  async () => {
    // One moment in each of as many equal parts of a night, so that every part of it is hit.
    const [offsets = []] = fc.sample(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), {
        minLength: moments,
        maxLength: moments,
      }),
      { seed, numRuns: 1 },
    );
    let killed = 0;
    for (const [index, offset] of offsets.entries()) {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const afterMs = ((index + offset) / moments) * usual;
        const { signal, took, ...rest } = await killAndRunAgain({ afterMs });
        expect({ afterMs, ...rest }).toEqual({ afterMs, differences: [], oddities: [] });
        if (signal === "SIGKILL") {
          killed += 1;
          break;
        }
        // The moment came too late: the machine is faster than it was.
        usual = took;
      }
    }
    expect(killed).toBe(moments);
  },
  60_000 + moments * 20_000,
);
