import { resolve } from "node:path";
import type { GlobalOptions, Manner, Shell } from "#cli/shell.ts";
import type { Context } from "#context.ts";
import type { Clock } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";

export type Outcome = { status: number; answered: boolean };

/**
 * The shell of one process. Modules that only some commands need (databases, parsers, loggers) are imported when they are
 * first used, so that `lethe --help` is quick.
 */
export const makeShell = (options: () => GlobalOptions, outcome: Outcome): Shell => {
  let signal: AbortSignal | undefined;
  const stop = (): AbortSignal => (signal ??= stopSignal());
  // One clock for the whole process: a rehearsed one must not start again with every context.
  let clock: Promise<Clock> | undefined;
  const time = (): Promise<Clock> => (clock ??= clockOf(options().now));
  return {
    options,
    signal: stop,
    now: async () => (await time()).now(),
    withContext: async (work, manner = "attended") => withContext(options(), await time(), stop(), manner, work),
    answer: (document, text) => {
      outcome.answered = true;
      const { json } = options();
      const output = json ? JSON.stringify(document) : text();
      if (output !== "") process.stdout.write(`${output}\n`);
    },
    exitWith: (status) => {
      outcome.status = status;
    },
  };
};

const withContext = async <T>(
  options: GlobalOptions,
  clock: Clock,
  signal: AbortSignal,
  manner: Manner,
  work: (context: Context) => Promise<T>,
): Promise<T> => {
  const [{ openContext }, { createLogger }, { terminalProgress }, { silentProgress }, { systemRandom }] =
    await Promise.all([
      import("#open-context.ts"),
      import("#lib/log.ts"),
      import("#cli/progress.ts"),
      import("#lib/progress.ts"),
      import("#lib/random.ts"),
    ]);
  const watched = manner === "attended" && !options.json;
  const progress = watched ? terminalProgress(process.stderr) : undefined;
  const log = createLogger({
    level: levelOf(process.env["LETHE_LOG"]) ?? (watched ? "warn" : "info"),
    pretty: process.stderr.isTTY ?? false,
    destination: progress?.beside ?? process.stderr,
  });
  try {
    await using context = await openContext({
      configFile: resolve(options.config),
      env: process.env,
      clock,
      random: systemRandom,
      log,
      progress: progress ?? silentProgress,
      signal,
    });
    return await work(context);
  } finally {
    progress?.close();
  }
};

const clockOf = async (now: string | undefined): Promise<Clock> => {
  const [{ clockFrom, systemClock }, { Temporal }] = await Promise.all([
    import("#lib/clock.ts"),
    import("temporal-polyfill"),
  ]);
  if (now === undefined) return systemClock;
  try {
    return clockFrom(Temporal.Instant.from(now));
  } catch {
    throw new LetheError("USAGE", "--now is no instant in ISO 8601", { hint: "write it like 2026-11-02T02:00:00Z" });
  }
};

const levels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

const levelOf = (name: string | undefined) => levels.find((level) => level === name);

const stopSignal = (): AbortSignal => {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return stop.signal;
};
