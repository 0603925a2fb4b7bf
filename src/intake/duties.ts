import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { dueDate, extendedDueDate } from "#intake/deadline.ts";
import { decider } from "#intake/decision.ts";
import { parseReference, unknownRequest } from "#intake/reference.ts";
import { regimeOf } from "#intake/regimes.ts";
import { openStates } from "#intake/open-requests.ts";
import { todayOf } from "#intake/requests.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { RegimeName } from "#records/controller.ts";
import type { RequestState } from "#records/request.ts";

/** Why the time may be extended (Art. 12(3) GDPR; 11 CCR §7021(b)): a closed list, so that no free text about a person is kept. */
export const extensionReasons = ["complexity", "number-of-requests"] as const;
export type ExtensionReason = (typeof extensionReasons)[number];

type Duty = {
  readonly id: number;
  readonly ref: string;
  readonly state: RequestState;
  readonly regime: RegimeName;
  readonly received: string;
  readonly due: string;
  readonly confirmedOn: string | null;
  readonly extended: ExtensionReason | null;
  readonly askedOn: string | null;
  readonly provenOn: string | null;
};

/** What a duty ended in: the request, and the day on which it is due by now. */
export type Done = { readonly ref: string; readonly due: string };

type Deed = {
  /** Columns to set, with their values. */
  readonly set: Readonly<Record<string, string>>;
  /** `by`: who decided, as the ledger names people. */
  readonly event: (by: string) => LedgerEvent;
};

/**
 * Extends the time to answer: the longer period counts from receipt. Only with a reasoned notice to the person in the first period; an extension
 * of which nobody was told in time is none. Throws `REQUEST_STATE`, `REQUEST_INVALID` for the day of the notice.
 */
export const extendRequest = (
  ctx: Context,
  ref: string,
  options: { readonly by: string; readonly reason: ExtensionReason; readonly noticed: string },
): Promise<Done> =>
  onDuty(ctx, ref, options.by, (duty) => {
    const { received, regime: name, extended } = duty;
    if (extended !== null) throw refused(duty, "is extended already", "there is one extension, and no more");
    const regime = regimeOf({ country: ctx.config.controller.country, regime: name });
    const since = Temporal.PlainDate.from(received);
    const first = dueDate(since, ctx.config.controller, regime).due.toString();
    const noticed = dayFor(ctx, options.noticed, received);
    if (noticed > first) {
      throw new LetheError(
        "REQUEST_INVALID",
        `the person was told on ${noticed}, after the first period ended on ${first}`,
        {
          hint: "an extension wants a reasoned notice in the first period: answer the request, and record why it is late",
        },
      );
    }
    const { due, basis } = extendedDueDate(since, ctx.config.controller, regime);
    return {
      set: { due_on: due.toString(), due_basis: basis, extended: options.reason, extension_noticed_on: noticed },
      event: (by) => ({
        kind: "request.extended",
        request: duty.ref,
        due: due.toString(),
        basis,
        reason: options.reason,
        noticed,
        by,
      }),
    };
  });

/** Records that receipt was confirmed to the person on a day, where the law asks for it. */
export const confirmReceipt = (
  ctx: Context,
  ref: string,
  options: { readonly by: string; readonly on: string },
): Promise<Done> =>
  onDuty(ctx, ref, options.by, (duty) => {
    if (duty.confirmedOn !== null)
      throw refused(duty, `was confirmed on ${duty.confirmedOn}`, "nothing more is to be done");
    const on = dayFor(ctx, options.on, duty.received);
    return {
      set: { confirmed_on: on },
      event: (by) => ({ kind: "request.confirmed", request: duty.ref, on, by }),
    };
  });

/**
 * Records when the person was asked to prove who they are (Art. 12(6) GDPR), or when they did. Whether the days between count is disputed:
 * the due date stays, and `request show` tells the other one beside it (A5).
 */
export const checkIdentity = (
  ctx: Context,
  ref: string,
  options: { readonly by: string; readonly step: "asked" | "proven"; readonly on: string },
): Promise<Done> =>
  onDuty(ctx, ref, options.by, (duty) => {
    const { step } = options;
    if (step === "asked" && duty.askedOn !== null)
      throw refused(duty, `was asked about on ${duty.askedOn}`, "record the proof when it comes");
    if (step === "proven" && duty.askedOn === null)
      throw refused(duty, "was not asked about", "record first when the person was asked");
    if (step === "proven" && duty.provenOn !== null)
      throw refused(duty, `was proven on ${duty.provenOn}`, "nothing more is to be done");
    const on = dayFor(ctx, options.on, step === "asked" ? duty.received : (duty.askedOn ?? duty.received));
    return {
      set: step === "asked" ? { identity_asked_on: on } : { identity_proven_on: on },
      event: (by) => ({ kind: "request.identity", request: duty.ref, step, on, by }),
    };
  });

const refused = ({ ref }: Duty, what: string, hint: string): LetheError =>
  new LetheError("REQUEST_STATE", `request ${ref} ${what}`, { hint });

/** A day on which something was done: not in the future, and not before what it follows. */
const dayFor = (ctx: Context, text: string, after: string): string => {
  const invalid = (what: string): LetheError =>
    new LetheError("REQUEST_INVALID", `the day ${what}`, {
      hint: `give an ISO date from ${after} to today, such as ${after}`,
    });
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw invalid("is no ISO date");
  let day: string;
  try {
    day = Temporal.PlainDate.from(text).toString();
  } catch {
    throw invalid("is no ISO date");
  }
  if (day > todayOf(ctx).toString()) throw invalid("lies in the future");
  if (day < after) throw invalid(`lies before ${after}`);
  return day;
};

/** Changes one open request, and says so in the ledger. */
const onDuty = (ctx: Context, reference: string, by: string, decide: (duty: Duty) => Deed): Promise<Done> =>
  inTransaction(ctx, async (db) => {
    const ref = parseReference(reference);
    const found = await sql<Duty>`select id, ref, state, regime, received_on as received, due_on as due,
        confirmed_on as "confirmedOn", extended, identity_asked_on as "askedOn", identity_proven_on as "provenOn"
      from lethe.request where ref = ${ref} for update`.execute(db);
    const [duty] = found.rows;
    if (duty === undefined) throw unknownRequest(ref);
    if (!openStates.includes(duty.state))
      throw refused(duty, `is ${duty.state}: nothing is due any more`, "see `lethe request show`");
    const { event, set } = decide(duty);
    const now = ctx.clock.now();
    const assignments = Object.entries(set).map(([name, value]) => sql`${sql.id(name)} = ${value}`);
    const updated = await sql<{
      due: string;
    }>`update lethe.request set ${sql.join(assignments)}, changed_at = ${now.toString()}
      where id = ${duty.id} returning due_on as due`.execute(db);
    await appendEntries(db, [event(decider(ctx, by))], { at: now, run: null });
    return { ref, due: updated.rows[0]?.due ?? duty.due };
  });
