import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Scaffold } from "#test/fault/killing.ts";
import { urlOf } from "#test/support/database.ts";

/** `LETHE_FAULT_MOMENTS=50` takes longer than a test run may. */
const moments = Number(process.env["LETHE_FAULT_MOMENTS"] ?? 12);
const seed = Number(process.env["LETHE_FAULT_SEED"] ?? 20261102);

let scaffold: Scaffold;
beforeAll(async () => {
  scaffold = await Scaffold.open(urlOf);
}, 120_000);
afterAll(() => scaffold[Symbol.asyncDispose]());

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
    let usual = scaffold.undisturbed.took;
    let killed = 0;
    for (const [index, offset] of offsets.entries()) {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const afterMs = ((index + offset) / moments) * usual;
        const { signal, took, ...rest } = await scaffold.killAndRunAgain({ afterMs });
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
