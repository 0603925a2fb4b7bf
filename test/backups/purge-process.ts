// A night's purge in a process of its own, which `LETHE_FAULT` can kill: CONFIG (JSON), NOW, RUN.
import { Temporal } from "temporal-polyfill";
import type { Config } from "#config.ts";
import { completeErased } from "#backups/custody.ts";
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
  log: createLogger({ level: "info", pretty: false, destination: process.stderr }),
  progress: silentProgress,
  signal: new AbortController().signal,
});
const run = { id, job: "backups", startedAt };
await purgeBackups(context, run);
await completeErased(context, run);
