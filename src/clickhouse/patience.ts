import { setTimeout as sleep } from "node:timers/promises";
import type { ColumnStore, Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";

/** Asks again and again, ever less often, until `ready`; gives up when the run is asked to stop, or with `late` after `parts_timeout`. */
export const waitUntil = async (
  ctx: Pick<Context, "signal">,
  { name, config }: ColumnStore,
  ready: () => Promise<boolean>,
  late: () => LetheError,
): Promise<void> => {
  const end = AbortSignal.timeout(config.partsTimeoutMs);
  for (let pause = 20; !(await ready()); pause = Math.min(pause * 2, 2_000)) {
    if (ctx.signal.aborted) {
      throw new LetheError("RUN_STOPPED", `stopped while waiting for store ${name}`, {
        hint: "the next run goes on where this one stopped",
      });
    }
    if (end.aborted) throw late();
    await sleep(pause, undefined, { signal: ctx.signal }).catch(() => undefined);
  }
};
