import { lateText } from "#cli/request-text.ts";
import { table } from "#cli/table.ts";
import { wrap } from "#cli/wrap.ts";
import type { RequestView } from "#intake/show.ts";
import { measuredText } from "#records/request.ts";
import type { Outcome } from "#records/treatment.ts";

/** `lethe request show` as people read it: no line longer than a page but where a name is. */
export const showText = (view: RequestView): string => {
  const { dispositions, history } = view;
  const parts = [factLines(factsOf(view))];
  // After a refusal or a withdrawal everything is where it was, whatever was approved before.
  const stands = view.state !== "refused" && view.state !== "withdrawn";
  if (stands && view.exceptions.length > 0) parts.push(exceptionsText(view.exceptions));
  if (view.stays.length > 0) parts.push(staysText(view.stays));
  if (view.remedied.length > 0) parts.push(remediesText(view.remedied));
  if (view.tasks.length > 0) parts.push(tasksText(view.tasks));
  if (view.backups.length > 0) parts.push(backupsText(view));
  if (dispositions.length > 0) parts.push(dispositionTable(dispositions));
  const entries = history.map(({ at, kind, index }) => [at, kind, index]);
  parts.push(table(entries, [{ title: "when" }, { title: "what" }, { title: "entry", align: "right" }]));
  return parts.join("\n\n");
};

type Fact = readonly [label: string, text: string | null];

const label = 15;

const factLines = (facts: readonly Fact[]): string =>
  facts.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(label)}${wrap(text, label)}`])).join("\n");

const factsOf = (view: RequestView): readonly Fact[] => {
  const { approved, detail } = view;
  return [
    ["request", view.ref],
    ["state", view.state],
    ["scheduled for", view.scheduledFor && scheduledText(view)],
    ...view.outcomes.map(({ store, outcome }, index): Fact => [
      index === 0 ? "outcome" : "",
      `${store === null ? "" : `${store}: `}${outcome}, ${meanings[outcome]}`,
    ]),
    ["received", view.received],
    ["due", `${view.due}${view.daysLeft === null ? "" : ` (${view.daysLeft} days left)`}, ${view.basis}`],
    [
      "confirm by",
      view.confirm &&
        `${view.confirm.by}${view.confirm.on === null ? ": receipt" : `: receipt, done on ${view.confirm.on}`}`,
    ],
    [
      "extended",
      view.extended && `${view.extended.reason}; the person was told on ${view.extended.noticed ?? "no day"}`,
    ],
    ["identity", view.identity && identityText(view.identity)],
    ["ground", view.ground === null ? null : `Art. 17(1)(${view.ground})`],
    ["purpose", view.purpose],
    ["asked again", view.repeats === 0 ? null : `${view.repeats} times`],
    ["approved", approved && approvedText(approved)],
    ["reason", view.refusal?.exception ? `${view.reason}, ${exceptionText(view.refusal)}` : view.reason],
    ["refused late", view.refusal?.late ? lateText(view.refusal.late) : null],
    ["code", view.code && `${view.code} since ${view.codeSince ?? "unknown"}`],
    ...(detail?.also ?? []).map((code): Fact => ["", `${code} as well`]),
    ["where", detail && placeOf(detail)],
    ["waits", view.waits && waitText(view.waits)],
    ["what to do", detail?.hint ?? null],
    // Not in a table, which a narrow terminal would cut: a digest is for comparing.
    ...view.exports.flatMap(({ file, rows, at, sha256 }): [string, string][] => [
      ["exported", `${file}, ${rows} rows, ${at}`],
      ["sha256", sha256],
    ]),
    ["erased", view.erasedAt],
    ["backups clear", clearText(view)],
    ["completed", view.completedAt],
    ["retention", endOf(view.dispositions)],
  ];
};

/** What the person was told, unless something keeps a backup for longer. */
const clearText = ({ backupsClearOn, completedAt, backups }: RequestView): string | null =>
  backupsClearOn !== null && completedAt === null && backups.some(({ clearOn }) => clearOn === null)
    ? `not by ${backupsClearOn}: see below what keeps them`
    : backupsClearOn;

const approvedText = ({ at, by, plan, daysLate }: NonNullable<RequestView["approved"]>): string => {
  const late = daysLate === null ? "" : `, ${daysLate} ${daysLate === 1 ? "day" : "days"} after it was due`;
  return `${at} by ${by}${late}, plan ${plan ?? "unknown"}`;
};

const waitText = ({ missing, until, then }: NonNullable<RequestView["waits"]>): string => {
  const what = missing === null ? "until its class is mixed enough" : `for ${missing} more`;
  return then === "wait"
    ? `${what}, beyond the night of ${until} as well: the policy does not say what else (late)`
    : `${what}; in the night of ${until} ${thenWords[then]}`;
};

const thenWords = {
  suppress: "what tells its rows apart is emptied, or they go where even so they are too few (late: suppress)",
  erase: "its rows there go (late: erase)",
} as const;

const exceptionText = ({ exception, citation }: NonNullable<RequestView["refusal"]>): string =>
  `Art. 17(3)(${exception}) GDPR, ${citation}`;

/** Once nothing is retained any more; null before, and where nothing was. */
const endOf = (dispositions: RequestView["dispositions"]): string | null => {
  const retained = dispositions.filter(({ treatment, rows }) => treatment === "retain" && rows > 0);
  const days = retained.flatMap(({ ended }) => ended ?? []).toSorted();
  return retained.length === 0 || days.length < retained.length
    ? null
    : `over since ${days.at(-1)}: nothing is retained any more`;
};

const identityText = ({ asked, proven, dueIfPaused }: NonNullable<RequestView["identity"]>): string => {
  const paused = dueIfPaused === null ? "" : `; due ${dueIfPaused} if the days between do not count, which is disputed`;
  return `asked on ${asked}, ${proven === null ? "not proven yet" : `proven on ${proven}`}${paused}`;
};

const scheduledText = ({ state, scheduledFor }: RequestView): string =>
  state === "scheduled" ? `${scheduledFor}; until then it can be withdrawn` : `${scheduledFor}`;

const meanings: Readonly<Record<Outcome, string>> = {
  erased: "nothing of the person is left in it",
  anonymised: "rows stay, without the person",
  retained: "only records stay that the law holds",
  archived_with_pii: "personal data stays, because the policy says so",
  scheduled: "waits until its time of grace is over",
  blocked: "waits for somebody to remove the cause; looked at again every night",
  failed: "could not be done",
};

/** Places and counts; null where the detail has none. */
const placeOf = (detail: NonNullable<RequestView["detail"]>): string | null => {
  const { store, table: name, column, constraint, sqlstate, rows, matter, measured } = detail;
  const place = [store, name, column].filter((part) => part !== undefined).join(".");
  const parts = [
    place === "" ? undefined : place,
    rows === undefined ? undefined : `${rows} ${rows === 1 ? "row" : "rows"}`,
    constraint && `constraint ${constraint}`,
    sqlstate && `SQLSTATE ${sqlstate}`,
    matter && `matter ${matter}`,
    measured && measuredText(measured),
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? null : parts.join(", ");
};

/** Tables that stay by the same exception and citation stand together. */
const exceptionsText = (exceptions: RequestView["exceptions"]): string => {
  const groups = Map.groupBy(exceptions, ({ exception, basis }) => `(${exception}) ${basis}`);
  const lines = [...groups].map(([why, tables]) => {
    const names = tables.map(({ store, table: name }) => `${store}.${name}`).join(", ");
    return `  ${wrap(`${why}: ${names}`, 4)}`;
  });
  return ["What the approval leaves in place, by Art. 17(3) GDPR", ...lines].join("\n");
};

/** Columns that stay for the same reason stand together: a soft policy leaves dozens. */
const staysText = (stays: RequestView["stays"]): string => {
  const groups = Map.groupBy(stays, ({ store, table: name, why, until }) => JSON.stringify([store, name, why, until]));
  const lines = [...groups.values()].flatMap((columns) => {
    const [first] = columns;
    if (first === undefined) return [];
    const end = first.until === null ? "no date set" : `until ${first.until}`;
    const names = columns.map(({ column, rows }) => `${column} (${rows})`).join(", ");
    return [`  ${wrap(`${first.store}.${first.table}, ${end}: ${first.why}`, 4)}`, `    ${wrap(names, 4)}`];
  });
  return ["Personal data that stays, in columns (rows)", ...lines].join("\n");
};

const remediesText = (remedied: RequestView["remedied"]): string =>
  [
    "Remedied, so that it need not wait",
    ...remedied.map(({ store, code, table: name, action, rows }) => {
      const many = `${rows} ${rows === 1 ? "row" : "rows"}`;
      return `  ${wrap(`${code}: ${done[action] ?? action} ${many} of ${store}.${name}`, 4)}`;
    }),
  ].join("\n");

const done: Readonly<Record<string, string>> = { set: "set columns in", unlink: "unlinked", remove: "removed" };

const tasksText = (tasks: RequestView["tasks"]): string =>
  `What others have to do\n${table(
    tasks.map(({ id, recipient, task, store, state, recorded, settled }) => [
      id,
      recipient,
      task,
      store,
      state,
      settled ?? recorded,
    ]),
    [
      { title: "task", align: "right" },
      { title: "recipient" },
      { title: "what" },
      { title: "store" },
      { title: "state" },
      { title: "since" },
    ],
  )}`;

const backupsText = ({ backups, erasedAt }: RequestView): string =>
  `Backups that ${erasedAt === null ? "may hold it" : "may still hold it"}\n${table(
    backups.map(({ repository, configured, store, sets, logs, newest, clearOn, holds }) => [
      repository,
      store,
      sets,
      logs === 0 ? "" : "yes",
      newest ?? "",
      erasedAt === null ? "" : (clearOn ?? whyNot({ configured, holds })),
    ]),
    [
      { title: "repository" },
      { title: "store" },
      { title: "backups", align: "right" },
      { title: "log" },
      { title: "newest of" },
      { title: "gone by" },
    ],
  )}`;

const whyNot = ({ configured, holds }: Pick<RequestView["backups"][number], "configured" | "holds">): string => {
  if (!configured) return "not configured any more";
  return holds.length > 0 ? `hold ${holds.join(", ")}` : "a restore is open";
};

const dispositionTable = (dispositions: RequestView["dispositions"]): string =>
  table(
    dispositions.map((row) => [
      `${row.store}.${row.table}`,
      row.restricted && row.ended === null ? `${row.treatment}, restricted` : row.treatment,
      row.rows,
      row.spared,
      row.basis ?? "",
      untilText(row),
      row.exception === null ? "" : `(${row.exception})`,
    ]),
    [
      { title: "table" },
      { title: "treatment" },
      { title: "rows", align: "right" },
      { title: "spared", align: "right" },
      { title: "basis" },
      { title: "until" },
      { title: "17(3)" },
    ],
  );

/** Until when rows are retained; or since when they are not, and what has become of them. */
const untilText = ({ until, undated, ended, endedAs }: RequestView["dispositions"][number]): string =>
  ended === null
    ? [until, undated === 0 ? null : `${undated} without a date`].filter((part) => part !== null).join(", ")
    : `${ended} ${endedAs === "erase" ? "erased" : "anonymised"}`;
