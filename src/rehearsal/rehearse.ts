import { Temporal } from "temporal-polyfill";
import { findJob, startJob } from "#cli/jobs.ts";
import type { Context } from "#context.ts";
import { writeBackups } from "#demo/backups.ts";
import { readBelongings, type Belongings } from "#demo/belongings.ts";
import { calendar } from "#demo/calendar.ts";
import { onlyStore, type Sample } from "#demo/company.ts";
import { demonstrate } from "#demo/night.ts";
import { readBack } from "#demo/read-back.ts";
import type { SamplePolicy } from "#demo/policies.ts";
import type { Workspace } from "#demo/workspace.ts";
import { clockFrom, dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import { silentProgress } from "#lib/progress.ts";
import { readBooks, type Books } from "#rehearsal/books.ts";
import { beginning, nextNight } from "#rehearsal/next-night.ts";
import { readTimeline, type TimelineItem } from "#rehearsal/timeline.ts";

/** A backup a night would make every night one in which something is purged. */
const backupEvery = { days: 28 };

export type RehearsalOrder = {
  readonly policy: SamplePolicy;
  readonly sample: Sample;
  /** ISO date: the last night is the one before. */
  readonly until: Temporal.PlainDate;
  /** Runs the nights in which nothing is due as well. */
  readonly every: boolean;
};

export type Rehearsed = {
  readonly from: string;
  readonly until: string;
  /** All nights of that time, and those that ran: in the others nothing was due. */
  readonly nights: { readonly all: number; readonly ran: number };
  readonly timeline: readonly TimelineItem[];
  readonly books: { readonly before: Books; readonly after: Books };
  /** Of those whose request was carried out: rows that the company still has, and those of them that name their owner. */
  readonly people: { readonly requests: number; readonly rows: number; readonly named: number };
  readonly took: string;
};

/**
 * The first night of a sample company and all that follow, each at its own time by the clock parameter (I13). The company's server goes on writing
 * backups, if not every night. Between nights nobody does anything: days on which no rule can act are passed over.
 */
export const rehearse = async (context: Context, workspace: Workspace, order: RehearsalOrder): Promise<Rehearsed> => {
  const began = performance.now();
  const { policy, sample, until, every } = order;
  const { timeZone } = context.config.controller;
  const first = dayIn(context.clock.now(), timeZone);
  if (Temporal.PlainDate.compare(until, first) <= 0) {
    throw new LetheError("USAGE", "--until lies in the past", { hint: `give a day after ${first.toString()}` });
  }
  const store = onlyStore(context);
  const belongings = await readBelongings(context, sample);
  const before = await readBooks(store.pool);
  const from = context.clock.now().toString();
  await demonstrate(context, workspace, { policy, sample, began });

  const quiet = { ...context, progress: silentProgress };
  const nightly = await findJob("nightly");
  const all = first.until(until).days;
  context.progress.stage(`Rehearse ${all} nights`);
  let ran = 1;
  let backedUp = first;
  const following = (day: Temporal.PlainDate) => (every ? day.add({ days: 1 }) : nextNight(quiet, day));
  for (let day = await following(first); day !== null && Temporal.PlainDate.compare(day, until) < 0;) {
    const clock = clockFrom(day.toZonedDateTime({ timeZone, plainTime: beginning }).toInstant());
    if (Temporal.PlainDate.compare(day, backedUp.add(backupEvery)) >= 0) {
      await writeBackups(store.pool, workspace.backups, 1, calendar(clock, timeZone));
      backedUp = day;
    }
    const summary = await startJob({ ...quiet, clock }, nightly);
    if (summary.outcome === "stopped") {
      throw new LetheError("RUN_STOPPED", "the rehearsal was stopped on request", {
        hint: "start again: lethe rehearse",
      });
    }
    ran += 1;
    context.progress.advance(first.until(day).days, all, "nights");
    // Who waited may wait no longer for rows that have gone: the next night looks.
    const waits = summary.requests.blocked > 0 && (await anyExpired(context, summary.run));
    day = waits ? day.add({ days: 1 }) : await following(day);
  }
  context.progress.end(`${ran} of them had something to do`);
  return {
    from: first.toString(),
    until: until.toString(),
    nights: { all, ran },
    timeline: await readTimeline(context, from),
    books: { before, after: await readBooks(store.pool) },
    people: await peopleLeft(context, sample, belongings, workspace),
    took: `${((performance.now() - began) / 1000).toFixed(1)} s`,
  };
};

const anyExpired = async ({ state }: Context, run: string): Promise<boolean> => {
  const found = await state.db.selectFrom("lethe.expiry").select("id").where("run_id", "=", run).limit(1).execute();
  return found.length > 0;
};

const peopleLeft = async (
  context: Context,
  sample: Sample,
  belongings: Belongings,
  workspace: Workspace,
): Promise<Rehearsed["people"]> => {
  const { tables } = await readBack(context, sample, belongings, { directory: workspace.backups, written: 0 });
  const fates = Object.values(tables);
  return {
    requests: tables.customers.rows,
    rows: fates.reduce((sum, { rows, gone }) => sum + rows - gone, 0),
    named: fates.reduce((sum, { named }) => sum + named, 0),
  };
};
