import { Temporal } from "temporal-polyfill";
import { dayIn } from "#lib/clock.ts";
import type { ReportHead } from "#report/report-source.ts";
import type { Bar, SummarySheet, Tone } from "#report/workbook-definition.ts";

const always =
  (tone: Tone) =>
  (value: number): Tone =>
    value === 0 ? "muted" : tone;
const none =
  (tone: Tone) =>
  (value: number): Tone =>
    value === 0 ? "good" : tone;

const subtitle = ({ run, period, runs, controller }: ReportHead): string => {
  const at = (instant: string): string =>
    Temporal.Instant.from(instant)
      .toZonedDateTimeISO(controller.timeZone)
      .toString({ smallestUnit: "minute", offset: "never", timeZoneName: "never" })
      .replace("T", " ");
  if (period !== undefined)
    return `${period.from} to ${period.to}  ·  ${runs?.length ?? 0} runs  ·  ${controller.timeZone}`;
  if (run === undefined) return controller.timeZone;
  return `Run ${run.id}  ·  ${run.job}  ·  ${at(run.started)} to ${at(run.ended)} ${controller.timeZone}  ·  outcome: ${run.outcome}`;
};

/** A11 spelled out; the schema of the report refuses counts for which it does not hold. */
const reconciliation = ({ requests: { counts, closedEarlier } }: ReportHead): string =>
  `${counts.received} received = ${counts.done} done + ${counts.refused} refused + ${counts.withdrawn} withdrawn + ` +
  `${counts.pending} pending + ${counts.failed} failed` +
  (closedEarlier === 0 ? "" : `  ·  ${closedEarlier} of them closed earlier, in earlier reports`);

/** What a deadline has changed is what the policy says it may; what else differs is a fault. */
const totalsNote = ({ compared, unequal, unkept }: ReportHead["totals"]): string => {
  if (compared === 0) return "No analytics were changed.";
  if (unequal + unkept === 0) return `Analytics: ${compared} totals are equal before and after.`;
  const parts = [
    ...(unequal === 0 ? [] : [`${unequal} ${unequal === 1 ? "differs" : "differ"}`]),
    ...(unkept === 0 ? [] : [`${unkept} not kept for a deadline`]),
  ];
  return `Analytics: of ${compared} totals ${parts.join(", ")}: see Exceptions.`;
};

/** The columns of each table; of which store it is, where there are several. */
const staying = ({ places }: ReportHead["stays"]): readonly Bar[] => {
  const several = new Set(places.map(({ store }) => store)).size > 1;
  return [...Map.groupBy(places, ({ store, table }) => (several ? `${store}: ${table}` : table))]
    .map(([label, columns]): Bar => ({ label, value: columns.length, tone: "warn" }))
    .toSorted((a, b) => b.value - a.value);
};

/** Those first of which somebody has to look at something. */
const kept = (backups: ReportHead["backups"]): readonly Bar[] =>
  backups
    .toSorted((a, b) => b.exceptions.length - a.exceptions.length)
    .map(({ repository, kept: value, exceptions }) => ({
      label: repository,
      value,
      tone: exceptions.length > 0 ? "bad" : "accent",
    }));

/** Of more bars than a panel has rows there are some, and how many more: never all but a few that nobody hears of. */
const rows = 7;
const listed = (bars: readonly Bar[]): readonly Bar[] => (bars.length <= rows ? bars : bars.slice(0, rows - 1));
const unlisted = (bars: readonly Bar[]): number => bars.length - listed(bars).length;

/** The first sheet: figures that stand for the whole, and where to look on. */
export const summarySheet: SummarySheet = {
  name: "Summary",
  subtitle,
  cards: [
    [
      { label: "requests received", of: ({ requests }) => requests.counts.received, tone: () => "plain" },
      { label: "done", of: ({ requests }) => requests.counts.done, tone: always("good") },
      { label: "pending", of: ({ requests }) => requests.counts.pending, tone: always("accent") },
      { label: "blocked", of: ({ requests }) => requests.counts.blocked, tone: always("warn") },
      { label: "failed", of: ({ requests }) => requests.counts.failed, tone: none("bad") },
      { label: "overdue", of: ({ requests }) => requests.counts.overdue, tone: none("bad") },
    ],
    [
      { label: "records erased", of: ({ totals }) => totals.erased, tone: always("good") },
      { label: "records anonymised", of: ({ totals }) => totals.anonymised, tone: always("accent") },
      { label: "records retained by law", of: ({ totals }) => totals.retained, tone: always("warn") },
      { label: "spared, shared with others", of: ({ totals }) => totals.spared, tone: always("plain") },
      {
        label: "backups purged",
        of: ({ backups }) => backups.reduce((sum, { purged }) => sum + purged.length, 0),
        tone: always("good"),
      },
      { label: "places with residuals", of: ({ totals }) => totals.residuals, tone: none("bad") },
    ],
  ],
  panels: [
    [
      {
        title: "Where the requests stand",
        bars: ({ requests: { counts } }): Bar[] => [
          { label: "Done", value: counts.done, tone: "good" },
          { label: "Pending, not blocked", value: counts.pending - counts.blocked, tone: "accent" },
          { label: "Blocked", value: counts.blocked, tone: "warn" },
          { label: "Failed", value: counts.failed, tone: "bad" },
          { label: "Refused", value: counts.refused, tone: "muted" },
          { label: "Withdrawn", value: counts.withdrawn, tone: "muted" },
        ],
      },
      {
        title: "What became of the records",
        bars: ({ totals }): Bar[] => [
          { label: "Erased", value: totals.erased, tone: "good" },
          { label: "Anonymised", value: totals.anonymised, tone: "accent" },
          { label: "Retained by law", value: totals.retained, tone: "warn" },
          { label: "Spared (shared)", value: totals.spared, tone: "muted" },
        ],
        note: ({ totals }) => totalsNote(totals),
        noteTone: ({ totals }) => (totals.unequal > 0 ? "bad" : totals.unkept > 0 ? "warn" : "muted"),
      },
    ],
    [
      {
        title: "Outcomes, in requests",
        bars: ({ outcomes: { requests } }): Bar[] => [
          { label: "Erased", value: requests.erased, tone: "good" },
          { label: "Anonymised", value: requests.anonymised, tone: "accent" },
          { label: "Retained by law", value: requests.retained, tone: "warn" },
          { label: "Archived with PII", value: requests.archived_with_pii, tone: "warn" },
          { label: "Scheduled", value: requests.scheduled, tone: "accent" },
          { label: "Blocked", value: requests.blocked, tone: "warn" },
          { label: "Failed", value: requests.failed, tone: "bad" },
        ],
        note: ({ outcomes: { requests } }) => {
          const left = requests.archived_with_pii;
          if (left === 0) return "No request left personal data outside records held by law.";
          return `${left === 1 ? "1 request" : `${left} requests`} left personal data: archived_with_pii.`;
        },
        noteTone: ({ outcomes: { requests } }) => (requests.archived_with_pii === 0 ? "muted" : "warn"),
      },
      {
        title: "Personal data that stays, columns by table",
        bars: ({ stays }) => listed(staying(stays)),
        more: ({ stays }) => unlisted(staying(stays)),
        note: ({ stays: { places } }) => {
          if (places.length === 0) return "The policy leaves none on purpose.";
          const undated = places.filter(({ until }) => until === null).length;
          const all = places.length === 1 ? "1 column" : `${places.length} columns`;
          return `${all} in all, ${undated === 0 ? "each with a date" : `${undated} without a date`}: see What stays.`;
        },
      },
    ],
    [
      {
        title: "Deadlines of pending requests",
        bars: ({ requests: { deadlines } }): Bar[] => [
          { label: "Overdue", value: deadlines.overdue, tone: "bad" },
          { label: "Within 7 days", value: deadlines.within7, tone: "warn" },
          { label: "Within 14 days", value: deadlines.within14, tone: "accent" },
          { label: "Within 30 days", value: deadlines.within30, tone: "accent" },
          { label: "Later", value: deadlines.later, tone: "muted" },
        ],
      },
      {
        title: "Backups kept",
        bars: ({ backups }) => listed(kept(backups)),
        more: ({ backups }) => unlisted(kept(backups)),
        note: ({ backups, controller }) => {
          const oldest = backups.flatMap((repository) => repository.oldest ?? []).toSorted()[0];
          const exceptions = backups.reduce((sum, repository) => sum + repository.exceptions.length, 0);
          const age =
            oldest === undefined
              ? "No backup is kept."
              : `The oldest was taken on ${dayIn(Temporal.Instant.from(oldest), controller.timeZone).toString()}.`;
          return exceptions === 0
            ? `${age} See Backup calendar.`
            : `${age} ${exceptions === 1 ? "1 exception" : `${exceptions} exceptions`}, see Exceptions.`;
        },
      },
    ],
  ],
  closing: (head) => [
    `Register: ${reconciliation(head)}`,
    `Ledger: ${head.ledger.size} entries, root ${head.ledger.root.slice(0, 16)}…  ·  read back at ${head.readAt}`,
    "This file is one part of a signed bundle. To check it: lethe verify <this directory> --key <public key>.pem",
  ],
};
