import type { Selectable } from "kysely";
import { Temporal } from "temporal-polyfill";
import { backupsHolding, type Holding } from "#db/holding-backups.ts";
import type { Context } from "#context.ts";
import type { RequestTable } from "#db/state-schema.ts";
import { suspendedDueDate } from "#intake/deadline.ts";
import { regimeOf } from "#intake/regimes.ts";
import { approvalOf, exceptionsIn, refusalIn } from "#intake/show-decision.ts";
import { effectsOf, outcomesOf } from "#intake/show-effects.ts";
import { parseReference, unknownRequest } from "#intake/reference.ts";
import { daysLeft, todayOf } from "#intake/requests.ts";
import { reading } from "#intake/transaction.ts";
import type { DecidedException, ExceptionLetter } from "#records/exception.ts";
import { exportFile } from "#records/export.ts";
import type { RegimeName } from "#records/controller.ts";
import type { Late } from "#records/anonymity.ts";
import { lastNightOf, type Nights } from "#lib/nights.ts";
import type { LateRefusal, RequestDetail, RequestState } from "#records/request.ts";
import type { TaskState } from "#records/task.ts";
import type { Outcome, Remedied, StayingData } from "#records/treatment.ts";

export type RequestView = {
  readonly ref: string;
  readonly state: RequestState;
  readonly received: string;
  readonly due: string;
  readonly daysLeft: number | null;
  /** The rule that the due date follows. */
  readonly basis: string;
  readonly regime: RegimeName;
  /** By when receipt has to be confirmed to the person, and when it was; null where the law does not ask for it. */
  readonly confirm: { readonly by: string; readonly on: string | null } | null;
  /** Why the time was extended, and when the person was told. */
  readonly extended: { readonly reason: string; readonly noticed: string | null } | null;
  /** A check of the person's identity: since when, until when, and when the request would be due if the days between did not count. */
  readonly identity: {
    readonly asked: string;
    readonly proven: string | null;
    readonly dueIfPaused: string | null;
  } | null;
  readonly ground: string | null;
  readonly purpose: string | null;
  /** When its time of grace is over. */
  readonly scheduledFor: string | null;
  readonly repeats: number;
  /** `daysLate`: after the answer was due; null when it was not. */
  readonly approved: {
    readonly by: string;
    readonly at: string;
    readonly plan: string | null;
    readonly daysLate: number | null;
  } | null;
  /** What the approval left in place by Art. 17(3) GDPR, category by category, as the policies were then. */
  readonly exceptions: readonly DecidedException[];
  /** Why it was refused. */
  readonly reason: string | null;
  /** The exception of Art. 17(3) GDPR on which it was refused, with the provision that this rests on; and how late that was, if it was. */
  readonly refusal: {
    readonly exception: ExceptionLetter | null;
    readonly citation: string | null;
    readonly late: LateRefusal | null;
  } | null;
  readonly code: string | null;
  readonly codeSince: string | null;
  readonly detail: RequestDetail | null;
  /** For company, in a table that is anonymised (D6): how many are missing, until which night, and what happens in it. Since when: `codeSince`. */
  readonly waits: {
    readonly missing: number | null;
    readonly until: string;
    readonly then: Late;
  } | null;
  readonly erasedAt: string | null;
  readonly completedAt: string | null;
  /** As it was promised when they were erased. */
  readonly backupsClearOn: string | null;
  /** The repositories whose backups may still hold the person, until there are none. */
  readonly backups: readonly Holding[];
  /** The encrypted copies of the person's rows that were finished before anything changed, store by store. */
  readonly exports: readonly {
    readonly store: string;
    readonly file: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly rows: number;
    readonly at: string;
    /** SHA-256 of each public key that can open it, sorted. */
    readonly recipients: readonly string[];
  }[];
  /** What became of the records, table by table. */
  readonly dispositions: readonly {
    readonly store: string;
    readonly table: string;
    readonly treatment: string;
    readonly rows: number;
    readonly spared: number;
    readonly basis: string | null;
    readonly until: string | null;
    /** Of Art. 17(3) GDPR, by which rows are retained. */
    readonly exception: ExceptionLetter | null;
    /** Only some roles may read them since. */
    readonly restricted: boolean;
    /** Retained rows without a date, which stay. */
    readonly undated: number;
    /** When their period was over and none of them was there any more, and what had become of them. */
    readonly ended: string | null;
    readonly endedAs: "erase" | "anonymise" | null;
  }[];
  /** By store: what was declared done, else what an open request waits for; `store` is null where none is meant. */
  readonly outcomes: readonly { readonly store: string | null; readonly outcome: Outcome }[];
  readonly stays: readonly StayingData[];
  readonly remedied: readonly Remedied[];
  /** What recipients have to do; by which name they know the record is said by `lethe task list --json` only. */
  readonly tasks: readonly {
    readonly id: number;
    readonly store: string;
    readonly recipient: string;
    readonly task: string;
    readonly state: TaskState;
    readonly recorded: string;
    readonly settled: string | null;
  }[];
  /** What the ledger says of it, oldest first. */
  readonly history: readonly { readonly index: number; readonly at: string; readonly kind: string }[];
};

export type IdentityRow = Pick<
  Selectable<RequestTable>,
  "regime" | "received_on" | "extended" | "identity_asked_on" | "identity_proven_on"
>;

/** Both clocks (A5): while nobody has proven anything, the pause goes on until today. */
export const identityOf = (ctx: Pick<Context, "clock" | "config">, row: IdentityRow): RequestView["identity"] => {
  const { identity_asked_on: asked, identity_proven_on: proven } = row;
  if (asked === null) return null;
  const regime = regimeOf({ country: ctx.config.controller.country, regime: row.regime });
  if (regime.identity === "none") return { asked, proven, dueIfPaused: null };
  const until = proven === null ? todayOf(ctx) : Temporal.PlainDate.from(proven);
  const { days } = Temporal.PlainDate.from(asked).until(until);
  const end = row.extended === null ? regime.answer : regime.extended;
  const paused = suspendedDueDate(Temporal.PlainDate.from(row.received_on), ctx.config.controller, end, days);
  return { asked, proven, dueIfPaused: paused.due.toString() };
};

const waitOf = (
  { detail, due_on: due }: Pick<Selectable<RequestTable>, "detail" | "due_on">,
  nights: Nights,
): RequestView["waits"] => {
  const wait = detail?.wait;
  return wait === undefined
    ? null
    : { missing: wait.missing ?? null, until: lastNightOf(due, nights), then: wait.then };
};

/** Everything on record about a request except whom it is about. Throws `REQUEST_UNKNOWN`. */
export const showRequest = (ctx: Context, reference: string): Promise<RequestView> =>
  reading(ctx, async (db) => {
    const ref = parseReference(reference);
    const row = await db.selectFrom("lethe.request").selectAll().where("ref", "=", ref).executeTakeFirst();
    if (row === undefined) throw unknownRequest(ref);
    const exported = await db
      .selectFrom("lethe.export")
      .select(["store", "sha256", "bytes", "rows", "exported_at as at", "recipients"])
      .where("request_id", "=", row.id)
      .orderBy("store")
      .execute();
    const dispositions = await db
      .selectFrom("lethe.disposed")
      .select([
        "store",
        "table_name as table",
        "treatment",
        "rows",
        "spared",
        "basis",
        "until_last as until",
        "exception",
        "restricted",
        "undated",
        "ended_on as ended",
        "ended_as as endedAs",
      ])
      .where("request_id", "=", row.id)
      .orderBy("store")
      .orderBy("table_name")
      .execute();
    const entries = await db
      .selectFrom("lethe.ledger_entry")
      .select(["index", "kind", "body"])
      .where("request_ref", "=", ref)
      .orderBy("index")
      .execute();
    return {
      ref,
      state: row.state,
      received: row.received_on,
      due: row.due_on,
      daysLeft: daysLeft(row.state, row.due_on, todayOf(ctx)),
      basis: row.due_basis,
      regime: row.regime,
      confirm: row.confirm_on === null ? null : { by: row.confirm_on, on: row.confirmed_on },
      extended: row.extended === null ? null : { reason: row.extended, noticed: row.extension_noticed_on },
      identity: identityOf(ctx, row),
      ground: row.ground,
      purpose: row.purpose,
      scheduledFor: row.scheduled_for,
      repeats: row.repeats,
      approved: approvalOf(row, ctx.config.controller.timeZone),
      exceptions: await exceptionsIn(db, row),
      reason: row.reason,
      refusal: refusalIn(row),
      code: row.code,
      codeSince: row.code_since,
      detail: row.detail,
      waits: waitOf(row, ctx.config),
      erasedAt: row.erased_at,
      completedAt: row.completed_at,
      backupsClearOn: row.backups_clear_on,
      backups: row.state === "refused" || row.state === "withdrawn" ? [] : await backupsHolding(db, ctx.config, ref),
      exports: exported.map(({ store, ...rest }) => ({ store, file: exportFile(ref, store), ...rest })),
      dispositions,
      outcomes: await outcomesOf(db, row),
      ...(await effectsOf(db, row.id)),
      history: entries.map(({ index, kind, body }) => ({ index, kind, at: (JSON.parse(body) as { at: string }).at })),
    };
  });
