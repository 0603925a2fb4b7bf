// A night's purge in a process of its own: CONFIG (JSON), NOW, RUN. Prints in how many seconds it was done, and what it did.
import { Temporal } from "temporal-polyfill";
import type { Config } from "#config.ts";
import { purgeBackups } from "#backups/purge.ts";
import { clockFrom } from "#lib/clock.ts";
import { createLogger } from "#lib/log.ts";
import { silentProgress } from "#lib/progress.ts";
import { systemRandom } from "#lib/random.ts";
import { contextFor } from "#open-context.ts";

const [config = "", now = "", id = ""] = process.argv.slice(2);
const startedAt = Temporal.Instant.from(now);
await using context = await contextFor(JSON.parse(config) as Config, {
  clock: clockFrom(startedAt),
  random: systemRandom,
  log: createLogger({ level: "warn", pretty: false, destination: process.stderr }),
  progress: silentProgress,
  signal: new AbortController().signal,
});
const run = { id, job: "backups", startedAt };
await context.state.db
  .insertInto("lethe.run")
  .values({
    id,
    job: run.job,
    started_at: startedAt.toString(),
    ended_at: null,
    outcome: null,
    ledger_from: 0,
    bundle: null,
  })
  .execute();
const began = performance.now();
const [result] = await purgeBackups(context, run);
process.stdout.write(JSON.stringify({ seconds: (performance.now() - began) / 1000, ...result }));
