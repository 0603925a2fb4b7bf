import { afterAll, beforeAll, expect, test } from "vitest";
import { Scaffold } from "#test/fault/killing.ts";
import { attempts, momentsOf } from "#test/fault/moments.ts";
import { urlOf } from "#test/support/database.ts";

/** `LETHE_FAULT_MOMENTS=50` takes longer than a test run may. */
const moments = Number(process.env["LETHE_FAULT_MOMENTS"] ?? 4);
const seed = Number(process.env["LETHE_FAULT_SEED"] ?? 20261102);

let scaffold: Scaffold;
beforeAll(async () => {
  scaffold = await Scaffold.open(urlOf);
}, 120_000);
afterAll(() => scaffold[Symbol.asyncDispose]());

test(
  `killed at ${moments} random moments, the next run ends as an undisturbed night does`,
  async () => {
    let killed = 0;
    let usual = scaffold.undisturbed.took;
    for (const moment of momentsOf(moments, seed)) {
      for (const sooner of attempts) {
        const afterMs = moment * sooner * usual;
        const { signal, took, ...rest } = await scaffold.killAndRunAgain({ afterMs });
        expect({ afterMs, ...rest }).toEqual({ afterMs, differences: [], oddities: [] });
        if (signal === "SIGKILL") {
          killed += 1;
          break;
        }
        // It was over before: that is how long a night takes here by now.
        usual = took;
      }
    }
    expect(killed).toBe(moments);
  },
  60_000 + moments * 20_000,
);
