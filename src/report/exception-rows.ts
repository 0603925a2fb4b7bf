import { Temporal } from "temporal-polyfill";
import type { StoppedItem } from "#report/report-document.ts";
import { measuredText } from "#records/request.ts";
import { backupTodo } from "#records/backup-hints.ts";
import type { ReportSource } from "#report/report-source.ts";

/** Something that a person has to look at. `urgent`: a promise of the law or of the policy is not kept. */
export type ExceptionRow = {
  readonly what:
    | "overdue request"
    | "receipt not confirmed"
    | "due soon"
    | "failed request"
    | "blocked request"
    | "held request"
    | "personal data found"
    | "totals differ"
    | "totals not kept"
    | "recipient failed"
    | "k below threshold"
    | "people recognised"
    | "due records stay"
    | "index missing"
    | "store not released"
    | "backup kept too long"
    | "backup exception";
  readonly urgent: boolean;
  /** A request's reference, or a place. */
  readonly name: string;
  /** A day, or an instant. */
  readonly since: string | null;
  readonly due: string | null;
  readonly code: string | null;
  readonly place: string | null;
  readonly todo: string;
};

const overdueTodo =
  "Answer the person today and record why it is late; a request that is blocked needs its cause removed.";
const confirmTodo =
  "Confirm to the person that the request has arrived, then record it: `lethe request confirm ID --on DATE`.";
const soonTodo =
  "Decide, remove what it waits for, or tell the person in time that it takes longer (`lethe request extend`).";
const waitingTodo =
  "They wait for what refers to them, for the record that they are part of, for a hold, or for the next night. They go by themselves.";
const clockTodo = "Say in the data when the record was made, or decide what becomes of it: without a date it is kept.";
const indexTodo = ([first = "", ...more]: readonly string[]): string =>
  `Every night reads the whole table to find what is due. Make an index: ${first}${more.length === 0 ? "" : ` And ${more.length} more statements, in the sheet Expired.`}`;
const residualTodo =
  "Clean the column by hand, and cover it in the policy for those who come next. Every night searches again.";
const totalsTodo = "The anonymised totals are not those of before. Correct the policy's transforms for the table.";
const unkeptTodo =
  "A deadline came before enough people did: see in the sheet Analytics whose. Nothing is wrong with what was done; make the columns coarser if it happens often.";
const anonymityTodo = "Coarsen a quasi-identifier in the policy, or wait until more people share these values.";
const recognisedTodo =
  "See in the sheet Analytics by what people are recognised there, and make it coarser in the policy.";
const taskTodo =
  "Ask the recipient why, and see to it that it erases; `lethe task list --state failed` names the requests.";

const restoreTodo =
  "Keep the store from serving. See what its requests wait for, and run `lethe backups replay` until it releases the store.";

/** The work that a report leaves to people, the urgent first. */
export async function* exceptionRows({ head, rows }: ReportSource): AsyncGenerator<ExceptionRow> {
  for await (const { ref, due, code } of rows.overdue()) {
    const since = Temporal.PlainDate.from(due).add({ days: 1 }).toString();
    yield { what: "overdue request", urgent: true, name: ref, since, due, code, place: null, todo: overdueTodo };
  }
  for await (const { ref, what, due, daysLeft } of rows.warnings()) {
    if (what === "due-soon") continue;
    const since = Temporal.PlainDate.from(due).add({ days: 1 }).toString();
    const place = `${-daysLeft} ${daysLeft === -1 ? "day" : "days"} late`;
    yield { what: "receipt not confirmed", urgent: true, name: ref, since, due, code: null, place, todo: confirmTodo };
  }
  for await (const item of rows.residuals()) {
    if (!item.open) continue;
    const place = `${item.store}: ${item.table}.${item.column} (${item.rows} ${item.rows === 1 ? "row" : "rows"})`;
    const facts = { urgent: true, name: item.ref, since: null, due: null, code: "RESIDUAL", place };
    yield { what: "personal data found", ...facts, todo: residualTodo };
  }
  for await (const item of rows.failures()) yield stopped("failed request", true, item);
  for await (const { store, table, measure, period, equal, why } of rows.conserved()) {
    if (equal) continue;
    if (why !== null) {
      const facts = { name: `${table} ${measure}`, since: null, due: null, code: null };
      yield {
        what: "totals not kept",
        urgent: false,
        ...facts,
        place: `${store}: ${table}, ${period}`,
        todo: unkeptTodo,
      };
      continue;
    }
    const facts = { name: `${table} ${measure}`, since: null, due: null, code: "TOTALS_CHANGED" };
    yield { what: "totals differ", urgent: true, ...facts, place: `${store}: ${table}, ${period}`, todo: totalsTodo };
  }
  for (const { store, recipient, task, failed } of head.tasks) {
    if (failed === 0) continue;
    const facts = { urgent: true, name: `${failed} × ${task}`, since: null, due: null, code: "TASK_FAILED" };
    yield { what: "recipient failed", ...facts, place: `${store}: ${recipient}`, todo: taskTodo };
  }
  for (const { store, asOf, noticed, open, released } of head.restores) {
    if (released !== null) continue;
    const facts = { urgent: true, name: store, since: noticed, due: null, code: "STORE_RESTORED" };
    const place = `restored to ${asOf}, ${open} ${open === 1 ? "request" : "requests"} open`;
    yield { what: "store not released", ...facts, place, todo: restoreTodo };
  }
  yield* backupRows(head);
  for await (const { store, table, k, threshold, met, reasons, measuredAt } of rows.anonymity()) {
    if (met) continue;
    const facts = { urgent: false, since: measuredAt, due: null, code: null, place: `${store}: ${table}` } as const;
    const name = `k = ${k}, wanted ${threshold}`;
    if (reasons.includes("small-classes")) yield { what: "k below threshold", ...facts, name, todo: anonymityTodo };
    else yield { what: "people recognised", ...facts, name: table, todo: recognisedTodo };
  }
  for (const { store, table, waiting, withoutClock, proposal } of head.expiry.rest) {
    const facts = { what: "due records stay", urgent: false, name: table, since: null, due: null, code: null } as const;
    const place = (n: number, what: string): string => `${store}: ${n} ${n === 1 ? "row" : "rows"} ${what}`;
    if (waiting > 0) yield { ...facts, place: place(waiting, "past their period"), todo: waitingTodo };
    if (withoutClock > 0) yield { ...facts, place: place(withoutClock, "without a clock"), todo: clockTodo };
    if (proposal.length === 0) continue;
    yield { ...facts, what: "index missing", place: `${store}: no index on the clock`, todo: indexTodo(proposal) };
  }
  for await (const { ref, what, due, daysLeft } of rows.warnings()) {
    if (what !== "due-soon") continue;
    const place = daysLeft === 0 ? "today" : `in ${daysLeft} ${daysLeft === 1 ? "day" : "days"}`;
    yield { what: "due soon", urgent: false, name: ref, since: null, due, code: null, place, todo: soonTodo };
  }
  for await (const item of rows.blocks()) {
    yield stopped(item.state === "held" ? "held request" : "blocked request", false, item);
  }
}

function* backupRows({ backups, today }: ReportSource["head"]): Generator<ExceptionRow> {
  for (const { repository, exceptions } of backups) {
    for (const { name, code, breach } of exceptions) {
      const facts = { name, code, place: repository, todo: backupTodo(code) };
      yield breach !== null && breach <= today
        ? { what: "backup kept too long", urgent: true, since: breach, due: null, ...facts }
        : { what: "backup exception", urgent: false, since: null, due: breach, ...facts };
    }
  }
}

const stopped = (what: ExceptionRow["what"], urgent: boolean, item: StoppedItem): ExceptionRow => {
  const { store, table, column, constraint, matter, measured, hint } = item.detail;
  const numbers = measured && measuredText(measured);
  const parts = [store, [table, column].filter(Boolean).join("."), constraint, matter, numbers];
  const place = parts.filter(Boolean).join(": ");
  const { ref: name, since, due, code } = item;
  return {
    what,
    urgent,
    name,
    since,
    due,
    code,
    place: place === "" ? null : place,
    todo: hint ?? "Look at the request.",
  };
};
