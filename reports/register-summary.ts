import { Temporal } from "temporal-polyfill";
import { outcomeOf, requestStates } from "#records/request.ts";
import { periodText } from "#register/period.ts";
import { equationText } from "#register/reconcile.ts";
import type { RegisterHead } from "#register/register-source.ts";
import type { Bar, SummarySheet, Tone } from "#report/workbook-definition.ts";

const always =
  (tone: Tone) =>
  (value: number): Tone =>
    value === 0 ? "muted" : tone;
const none =
  (tone: Tone) =>
  (value: number): Tone =>
    value === 0 ? "good" : tone;

const plural = (value: number, one: string): string => `${value} ${one}${value === 1 ? "" : "s"}`;

const toneOfState = (state: (typeof requestStates)[number]): Tone => {
  if (state === "blocked" || state === "held" || state === "archived") return "warn";
  const tones = { done: "good", pending: "accent", failed: "bad", refused: "muted", withdrawn: "muted" } as const;
  return tones[outcomeOf(state)];
};

const subtitle = ({ readAt, period, controller }: RegisterHead): string => {
  const at = Temporal.Instant.from(readAt)
    .toZonedDateTimeISO(controller.timeZone)
    .toString({ smallestUnit: "minute", offset: "never", timeZoneName: "never" })
    .replace("T", " ");
  return `Art. 5(2) and 30 GDPR  ·  ${periodText(period)}  ·  as of ${at} ${controller.timeZone}`;
};

/** The first sheet of the register: how many, how late, what became of them; and what ties the workbook to the evidence. */
export const registerSummary: SummarySheet<RegisterHead> = {
  name: "Summary",
  subtitle,
  cards: [
    [
      { label: "received", of: ({ counts }) => counts.received, tone: () => "plain" },
      { label: "done", of: ({ counts }) => counts.done, tone: always("good") },
      { label: "refused", of: ({ counts }) => counts.refused, tone: always("plain") },
      { label: "withdrawn", of: ({ counts }) => counts.withdrawn, tone: always("plain") },
      { label: "pending", of: ({ counts }) => counts.pending, tone: always("accent") },
      { label: "failed", of: ({ counts }) => counts.failed, tone: none("bad") },
    ],
    [
      { label: "pending and overdue", of: ({ counts }) => counts.overdue, tone: none("bad") },
      { label: "due within 7 days", of: ({ deadlines }) => deadlines.within7, tone: none("warn") },
      { label: "receipts not confirmed", of: ({ deadlines }) => deadlines.notConfirmed, tone: none("bad") },
      { label: "blocked", of: ({ counts }) => counts.blocked, tone: always("warn") },
      { label: "on legal hold", of: ({ states }) => states.held, tone: always("warn") },
      { label: "tasks of recipients open", of: ({ tasks }) => tasks.open, tone: always("accent") },
    ],
  ],
  panels: [
    [
      {
        title: "Requests by state",
        bars: ({ states }): Bar[] =>
          requestStates.map((state) => ({
            label: `${state.charAt(0).toUpperCase()}${state.slice(1)}`,
            value: states[state],
            tone: toneOfState(state),
            note: outcomeOf(state) === state ? "" : outcomeOf(state),
          })),
      },
      {
        title: "Next due dates, in requests",
        bars: ({ nextDue }): Bar[] =>
          nextDue.map(({ due, requests, daysLeft }) => ({
            label: due,
            value: requests,
            tone: daysLeft <= 7 ? "warn" : "accent",
            note: daysLeft === 0 ? "today" : `in ${plural(daysLeft, "day")}`,
          })),
        note: ({ nextDue }) =>
          nextDue.length === 0 ? "No pending request has its day before it." : "All of them: see Clocks.",
      },
    ],
    [
      {
        title: "Overdue, in days",
        bars: ({ overdue }): Bar[] =>
          overdue.map(({ ref, state, daysLate }) => ({ label: ref, value: daysLate, tone: "bad", note: state })),
        note: ({ overdue, deadlines }) => {
          const all = deadlines.overdue + deadlines.failedLate;
          if (all === 0) return "Nothing is overdue.";
          const failed = deadlines.failedLate === 0 ? "" : `, ${deadlines.failedLate} of them failed`;
          const more = all > overdue.length ? " All of them: see Overdue." : "";
          return `${plural(all, "request")} past the due date${failed}.${more}`;
        },
        noteTone: ({ deadlines }) => (deadlines.overdue + deadlines.failedLate === 0 ? "good" : "bad"),
      },
      {
        title: "Deadlines of pending requests",
        bars: ({ deadlines }): Bar[] => [
          { label: "Overdue", value: deadlines.overdue, tone: "bad" },
          { label: "Within 7 days", value: deadlines.within7, tone: "warn" },
          { label: "Within 14 days", value: deadlines.within14, tone: "accent" },
          { label: "Within 30 days", value: deadlines.within30, tone: "accent" },
          { label: "Later", value: deadlines.later, tone: "muted" },
        ],
      },
    ],
    [
      {
        title: "Decisions on record",
        bars: ({ decisions }): Bar[] => [
          { label: "Approved", value: decisions["request.approved"], tone: "good" },
          { label: "Refused", value: decisions["request.refused"], tone: "muted" },
          { label: "Withdrawn", value: decisions["request.withdrawn"], tone: "muted" },
          { label: "Held", value: decisions["request.held"], tone: "warn" },
          { label: "Released", value: decisions["request.released"], tone: "good" },
          { label: "Extended", value: decisions["request.extended"], tone: "warn" },
          { label: "Receipt confirmed", value: decisions["request.confirmed"], tone: "accent" },
          { label: "Identity, each step", value: decisions["request.identity"], tone: "accent" },
        ],
      },
      {
        title: "Refused, by reason",
        bars: ({ refusals }): Bar[] =>
          refusals.map(({ reason, requests }) => ({ label: reason, value: requests, tone: "muted" })),
        note: ({ refusals }) => (refusals.length === 0 ? "Nothing was refused." : "Each of them: see Requests."),
      },
    ],
    [
      {
        title: "What became of the records, in rows",
        bars: ({ records }): Bar[] => [
          { label: "Erased", value: records.erased, tone: "good" },
          { label: "Anonymised", value: records.anonymised, tone: "accent" },
          { label: "Retained by law", value: records.retained, tone: "warn" },
          { label: "Spared (shared)", value: records.spared, tone: "muted" },
        ],
      },
      {
        title: "Done or refused by the due date",
        bars: ({ answered }): Bar[] => [
          { label: "In time", value: answered.inTime, tone: "good" },
          { label: "Late", value: answered.late, tone: "bad" },
        ],
      },
    ],
  ],
  closing: ({ counts, controller, today, tool, ledger, policies }) => [
    {
      text: `✓ Reconciled: ${equationText(counts)}  ·  on record, in Requests, and received by the ledger: see Evidence`,
      tone: "good",
    },
    `Controller: ${controller.name} (${controller.country})  ·  data protection officer: ${controller.dpo}  ·  exported on ${today} by ${tool}`,
    ...policies
      .filter(({ inForce }) => inForce)
      .map(
        ({ store, name, version, digest }) => `Policy of ${store}: ${name}, version ${version}  ·  SHA-256 ${digest}`,
      ),
    `Ledger: ${ledger.size} entries, root ${ledger.root}`,
    "Requests go by random references. No identifier of a data subject is in this workbook; the names in it are of those who decided.",
  ],
};
