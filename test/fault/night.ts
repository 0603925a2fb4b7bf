import { setTimeout } from "node:timers/promises";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { approveAll, approveRequests } from "#intake/approve.ts";
import { importFile } from "#intake/import-file.ts";
import { planForApproval } from "#forecast.ts";
import { nightly } from "#jobs/nightly.ts";
import { clockFrom } from "#lib/clock.ts";
import { isLetheError } from "#lib/errors.ts";
import { createLogger } from "#lib/log.ts";
import { silentProgress } from "#lib/progress.ts";
import { systemRandom } from "#lib/random.ts";
import { openContext } from "#open-context.ts";
import type { RunSummary } from "#records/run.ts";
import { runJob } from "#run-job.ts";

export type NightOrder = {
  readonly configFile: string;
  readonly now: string;
  readonly requests: string;
  readonly signal?: AbortSignal;
};

/** Everything from a file of requests to the signed report, as the commands `import`, `approve --all` and `run` do it. */
export const wholeNight = (order: NightOrder): Promise<RunSummary> =>
  inContext(order, async (context) => {
    await enter(context, order.requests);
    return await runWhenFree(context);
  });

/** The server notices a little later that a run was killed, and holds its lock until then. */
const runWhenFree = async (context: Context): Promise<RunSummary> => {
  for (;;) {
    try {
      return await runJob(context, nightly);
    } catch (error) {
      if (!isLetheError(error, "RUN_IN_PROGRESS")) throw error;
      await setTimeout(50);
    }
  }
};

/** Only what comes before the night. */
export const enterRequests = (order: NightOrder): Promise<void> =>
  inContext(order, (context) => enter(context, order.requests));

/** What a person does about those who came back: decides about each by reference, as `approve --all` leaves them. */
export const approveReactivated = (order: NightOrder): Promise<void> =>
  inContext(order, async (context) => {
    const { reactivated } = await approveAll(context, approval);
    await approveRequests(context, reactivated, approval);
  });

const approval = { by: "dpo@shop.example", planFor: planForApproval };

const enter = async (context: Context, requests: string): Promise<void> => {
  await importFile(context, requests);
  await approveAll(context, approval);
};

const inContext = async <T>(
  { configFile, now, signal }: NightOrder,
  work: (context: Context) => Promise<T>,
): Promise<T> => {
  await using context = await openContext({
    configFile,
    env: {},
    clock: clockFrom(Temporal.Instant.from(now)),
    random: systemRandom,
    log: createLogger({ level: "silent", pretty: false, destination: process.stderr }),
    progress: silentProgress,
    signal: signal ?? new AbortController().signal,
  });
  return await work(context);
};
