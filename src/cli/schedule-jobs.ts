import { once } from "node:events";
import { createTask, type ScheduledTask } from "node-cron";
import type { Logger } from "pino";
import { Temporal } from "temporal-polyfill";
import { findJob, startJob } from "#cli/jobs.ts";
import { lastDue } from "#lib/last-due.ts";
import { presentable } from "#cli/report-error.ts";
import type { Shell } from "#cli/shell.ts";
import type { Context } from "#context.ts";
import { createLogger } from "#lib/log.ts";
import { isLetheError, LetheError } from "#lib/errors.ts";

type Timetable = { readonly timeZone: string; readonly jobs: Readonly<Record<string, string>> };

export type ScheduleEnded = { readonly stopped: true; readonly runs: number };

// Wakes up for what no exact time woke us for: a night that the computer slept through, a time of day that the change
// to summer time leaves out, a database that was down when the job was due.
const lookAgain = "*/15 * * * *";

/**
 * Runs what the configuration's `schedule` names. Every job runs at most once for each time it is due, whoever wakes us
 * and on however many machines: `lethe.job_state` says up to when a job has been done, and the work itself is locked.
 * A job that was due while nothing ran is caught up once at start. Ends after SIGTERM, when the batch at hand is done.
 * The configuration's jobs and times are read once, policies and the rest for each run.
 */
export const scheduleJobs = async (shell: Shell): Promise<ScheduleEnded> => {
  const log = createLogger({ level: "info", pretty: process.stderr.isTTY ?? false, destination: process.stderr });
  const timetable = await readTimetable(shell);
  const stop = shell.signal();
  const done = new Map<string, Temporal.Instant>();
  let runs = 0;
  // One after the other: a machine's own jobs would only turn each other away.
  let queue = Promise.resolve();
  const look = (names: readonly string[]): void => {
    for (const name of names) {
      queue = queue.then(async () => {
        if (!stop.aborted && (await lookAt(shell, log, timetable, name, done))) runs += 1;
      });
    }
  };

  const names = Object.keys(timetable.jobs);
  const tasks = Object.entries(timetable.jobs).map(([name, cron]) =>
    cronTask(name, cron, timetable.timeZone, log, () => look([name])),
  );
  tasks.push(cronTask("look again", lookAgain, timetable.timeZone, log, () => look(names)));
  log.info({ jobs: timetable.jobs, timeZone: timetable.timeZone }, "scheduled");
  look(names);
  for (const task of tasks) await task.start();
  if (!stop.aborted) await once(stop, "abort");
  for (const task of tasks) await task.destroy();
  await queue;
  log.info({ runs }, "stopped");
  return { stopped: true, runs };
};

const readTimetable = async (shell: Shell): Promise<Timetable> => {
  const { config } = await shell.withContext((context) => Promise.resolve(context), "unattended");
  if (Object.keys(config.schedule).length === 0) {
    throw new LetheError("CONFIG_INVALID", "the configuration schedules no job", {
      hint: "name one under schedule:, such as nightly: 0 2 * * *",
      place: { file: config.file },
    });
  }
  return { timeZone: config.controller.timeZone, jobs: config.schedule };
};

const cronTask = (name: string, cron: string, timezone: string, log: Logger, work: () => void): ScheduledTask => {
  const quiet = (): undefined => undefined;
  const warn = (message: unknown): void => log.warn({ err: message }, "the timer complains");
  const logger = { info: quiet, debug: quiet, warn, error: warn };
  const task = createTask(cron, work, { name, timezone, noOverlap: true, logger });
  // Late is better than never: `look` itself finds out whether there is something to do.
  task.on("execution:missed", work);
  return task;
};

/** Runs the job if it is due. A failure is logged and ends this run only; says whether the job ran to its end. */
const lookAt = async (
  shell: Shell,
  log: Logger,
  { jobs, timeZone }: Timetable,
  name: string,
  done: Map<string, Temporal.Instant>,
): Promise<boolean> => {
  const now = await shell.now();
  // Timers may fire a moment early.
  const due = lastDue(jobs[name] ?? "", timeZone, now.add({ seconds: 1 }));
  const before = done.get(name);
  if (due === undefined || (before !== undefined && Temporal.Instant.compare(due, before) <= 0)) return false;
  try {
    return await shell.withContext(async (context) => {
      const ran = await runOnceFor(context, name, due);
      if (ran !== "stopped") done.set(name, due);
      return ran === "ran";
    }, "unattended");
  } catch (error) {
    if (isLetheError(error, "RUN_IN_PROGRESS")) log.info({ job: name }, "another machine is at it");
    else if (isLetheError(error, "RUN_STOPPED")) log.info({ job: name }, "stopped; the next run goes on from here");
    else log.error({ job: name, err: presentable(error) }, "the job failed");
    return false;
  }
};

const runOnceFor = async (
  context: Context,
  name: string,
  due: Temporal.Instant,
): Promise<"ran" | "nothing" | "stopped"> => {
  const { db } = context.state;
  const row = await db.selectFrom("lethe.job_state").select("last_due_at").where("job", "=", name).executeTakeFirst();
  const before = row?.last_due_at ?? undefined;
  if (before !== undefined && Temporal.Instant.compare(due, Temporal.Instant.from(before)) <= 0) return "nothing";
  // Nothing was promised before the first start: times are counted from here.
  if (before === undefined) {
    await record(context, name, due, undefined);
    return "nothing";
  }
  const job = await findJob(name);
  try {
    const { outcome, requests, residuals } = await startJob(context, job);
    context.log.info({ job: name, outcome, requests, residuals }, "the job ended");
    if (outcome === "stopped") return "stopped";
  } catch (error) {
    // Turned away or told to stop: still due. Anything else would fail again in a quarter of an hour.
    if (!isLetheError(error, "RUN_IN_PROGRESS") && !isLetheError(error, "RUN_STOPPED")) {
      await record(context, name, due, context.clock.now()).catch(() => undefined);
    }
    throw error;
  }
  await record(context, name, due, context.clock.now());
  return "ran";
};

const record = async (
  context: Context,
  job: string,
  due: Temporal.Instant,
  ended: Temporal.Instant | undefined,
): Promise<void> => {
  const times = { last_due_at: due.toString(), ...(ended === undefined ? {} : { last_ended_at: ended.toString() }) };
  await context.state.db
    .insertInto("lethe.job_state")
    .values({ job, last_ended_at: null, ...times })
    .onConflict((conflict) => conflict.column("job").doUpdateSet(times))
    .execute();
};
