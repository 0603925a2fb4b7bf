import { figure } from "#lib/figure.ts";
import { backupCalendar, calendarDays, type Counts, type Lane as RepositoryLane } from "#report/backup-calendar.ts";
import type { Calendar, Lane, Mark } from "#report/calendar.ts";
import { table, type CalendarSheet, type Sentence, type TableSheet } from "#report/workbook-definition.ts";

const words: Readonly<Record<Mark, string>> = {
  present: "present",
  verified: "present and verified: one can restore from it",
  purged: "purged: deleted, and absent when listed again",
  exception: "exception: see below",
  vanished: "gone, but not by Lethe",
};

const brief: Readonly<Record<Mark, string>> = {
  present: "present",
  verified: "present and verified",
  purged: "purged",
  exception: "of them with an exception",
  vanished: "gone otherwise",
};

/** Those with an exception behind those that they are among. */
const counted = (counts: Counts): string =>
  (["verified", "present", "exception", "purged", "vanished"] as const)
    .filter((mark) => counts[mark] > 0)
    .map((mark) => `${figure(counts[mark])} ${brief[mark]}`)
    .join(", ");

const sentencesOf = ({ repository, all, log, verified, drill, exceptions }: RepositoryLane): readonly Sentence[] => [
  `${repository}: ${counted(all) || "no backup"}. ` +
    (verified === null ? "None was read to its end." : `Last read to its end: ${verified.name}.`) +
    (drill === null ? " None was restored to try it." : ""),
  ...(log === null
    ? []
    : [
        `${repository}: its log goes from ${log.since.slice(0, 10)} to ${log.until.slice(0, 10)}, and holds what was written then.`,
      ]),
  ...(drill === null ? [] : [drillSentence(repository, drill)]),
  ...exceptions.map(({ name, code, breach }): Sentence => {
    const what = `${repository}: ${name === "*" ? "" : `${name}, `}${code}`;
    return breach === null
      ? { text: what, tone: "warn" }
      : { text: `${what}: a breach of the retention period from ${breach} on`, tone: "bad" };
  }),
];

const drillSentence = (repository: string, drill: NonNullable<RepositoryLane["drill"]>): Sentence => {
  const { at, name, outcome, code, restored, replayed, repeated, waiting } = drill;
  const when = `${repository}: on ${at.slice(0, 10)}`;
  if (outcome === "failed")
    return { text: `${when} ${name ?? "no backup"} could not be restored to try it: ${code}`, tone: "bad" };
  const took = `${when} ${name} was restored to try it, in ${restored} s; ${figure(repeated)} erased again in ${replayed} s`;
  return outcome === "clean"
    ? { text: `${took}, and nothing was left of them`, tone: "good" }
    : { text: `${took}, of whom ${figure(waiting)} would have waited for a person`, tone: "warn" };
};

const laneOf = (lane: RepositoryLane): Lane => ({
  name: lane.repository,
  facts: lane.keepDays === null ? "not configured" : `${lane.store ?? ""}, ${lane.keepDays} days`,
  earlier: counted(lane.earlier) || null,
  days: lane.days,
  begins: lane.kept,
  sentences: sentencesOf(lane),
});

const calendarOf: CalendarSheet["calendar"] = async (source): Promise<Calendar> => {
  const { days, lanes } = await backupCalendar(source);
  return {
    days,
    legend: (["present", "verified", "purged", "exception", "vanished"] as const).map((mark) => ({
      mark,
      text: words[mark],
    })),
    lanes: lanes.map(laneOf),
    empty: "No backup repository is configured.",
  };
};

/** Days as columns, since what counts is how far back the backups reach; a repository a row, so that one sees them side by side. */
export const backupCalendarSheet: CalendarSheet = {
  name: "Backup calendar",
  about: `What became of the backups of the last ${calendarDays} days, by the day on which they were taken. Left of the line nothing may be left: their time is over.`,
  tab: "good",
  calendar: calendarOf,
};

export const backupsSheet: TableSheet = {
  name: "Backups",
  about:
    "Every backup that is still there, and those that this run purged: absent when the repository was listed again.",
  tab: "good",
  blocks: [
    table("backupSets", {
      empty: "No backup repository is configured, or it is empty.",
      columns: [
        { header: "Repository", width: 20, format: "text", of: (row) => row.repository },
        { header: "Name", width: 44, format: "text", of: (row) => row.name },
        { header: "Taken", width: 17, format: "instant", of: (row) => row.taken },
        { header: "Size", width: 16, format: "bytes", of: (row) => row.bytes },
        { header: "SHA-256", width: 20, format: "code", of: (row) => `${row.sha256.slice(0, 16)}…` },
        { header: "State", width: 13, format: "state", of: (row) => row.state },
        { header: "Verified", width: 17, format: "instant", of: (row) => row.verifiedAt },
        { header: "Gone since", width: 17, format: "instant", of: (row) => row.purgedAt },
      ],
    }),
    table("restores", {
      title: "Stores that were restored",
      empty: "No store was restored that is not released since.",
      columns: [
        { header: "Store", width: 20, format: "text", of: (row) => row.store },
        {
          header: "May serve",
          width: 44,
          format: "text",
          of: (row) => (row.released === null ? "no" : "released"),
        },
        { header: "Restored to", width: 17, format: "instant", of: (row) => row.asOf },
        { header: "Erased again", width: 16, format: "count", of: (row) => row.repeated },
        { header: "Refused", width: 20, format: "count", of: (row) => row.refused },
        { header: "Open", width: 13, format: "count", of: (row) => row.open },
        { header: "Released", width: 17, format: "instant", of: (row) => row.released },
      ],
    }),
  ],
};
