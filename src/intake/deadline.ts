import { Temporal } from "temporal-polyfill";
import type { Regime, RegimeEnd } from "#intake/regimes.ts";
import type { Jurisdiction } from "#intake/working-days.ts";
import { isWorkingDay, nextWorkingDay } from "#intake/working-days.ts";

export type Deadline = {
  readonly due: Temporal.PlainDate;
  /** The rule it follows: goes to the register, the ledger and the certificate. */
  readonly basis: string;
};

/**
 * By when a request must be answered. Of the GDPR (Art. 12(3)): one month from receipt. The day of receipt is not counted; the month ends on
 * the same day number or on the month's last day; an end on a Saturday, Sunday or public holiday moves to the next working day
 * (Regulation 1182/71 Art. 3(1), 3(2)(c), 3(4)). Of the CCPA: calendar days, which nothing moves.
 */
export const dueDate = (receivedOn: Temporal.PlainDate, jurisdiction: Jurisdiction, { answer }: Regime): Deadline =>
  endOf(receivedOn, answer, jurisdiction);

/**
 * By when, after an extension: the longer period from receipt, then moved; never the moved first date plus the rest. Only with a
 * reasoned notice in the first period: see `extendRequest`.
 */
export const extendedDueDate = (
  receivedOn: Temporal.PlainDate,
  jurisdiction: Jurisdiction,
  { extended }: Regime,
): Deadline => endOf(receivedOn, extended, jurisdiction);

/**
 * By when the person must be told that nothing is done on the request, why, and of complaint and remedy (A4). Art. 12(4) GDPR gives one month
 * from receipt and no more: the extension of Art. 12(3) is for the information on action that is taken, so it does not move this day. Under
 * 11 CCR §7021(b) and §7022(f) a denial is one of the responses that an extension is for, so there it does.
 */
export const refusalDate = (
  receivedOn: Temporal.PlainDate,
  jurisdiction: Jurisdiction,
  { answer, extended, refusal }: Regime,
  isExtended: boolean,
): Deadline => {
  const { due } = endOf(receivedOn, isExtended && refusal.extends ? extended : answer, jurisdiction);
  return { due, basis: refusal.basis };
};

/** By when receipt must be confirmed, in working days after it; undefined where the law does not ask for it. */
export const confirmationDate = (
  receivedOn: Temporal.PlainDate,
  jurisdiction: Jurisdiction,
  { confirm }: Regime,
): Deadline | undefined => {
  if (confirm === undefined) return undefined;
  let due = receivedOn;
  for (let days = 0; days < confirm.working_days;) {
    due = due.add({ days: 1 });
    if (isWorkingDay(due, jurisdiction)) days += 1;
  }
  return { due, basis: confirm.basis };
};

/**
 * When it would be due if the days between asking for a proof of identity and its arrival did not count (A5): the end of the period, so many
 * days later, then moved. What to rely on is the day without the pause.
 */
export const suspendedDueDate = (
  receivedOn: Temporal.PlainDate,
  jurisdiction: Jurisdiction,
  { within, moved, basis }: RegimeEnd,
  days: number,
): Deadline => {
  const last = receivedOn.add(within).add({ days });
  return { due: moved ? nextWorkingDay(last, jurisdiction) : last, basis: `${basis}, paused for ${days} days` };
};

const endOf = (
  receivedOn: Temporal.PlainDate,
  { within, moved, basis }: RegimeEnd,
  jurisdiction: Jurisdiction,
): Deadline => {
  const last = receivedOn.add(Temporal.Duration.from(within));
  return { due: moved ? nextWorkingDay(last, jurisdiction) : last, basis };
};
