import type { Temporal } from "temporal-polyfill";
import type { Jurisdiction } from "#intake/working-days.ts";
import { nextWorkingDay } from "#intake/working-days.ts";

export type Deadline = {
  readonly due: Temporal.PlainDate;
  /** The rule it follows: goes to the register, the ledger and the certificate. */
  readonly basis: string;
};

/**
 * By when a request must be answered: one month from receipt (Art. 12(3) GDPR). The day of receipt is not counted; the
 * month ends on the same day number or on the month's last day; an end on a Saturday, Sunday or public holiday moves to
 * the next working day (Regulation 1182/71 Art. 3(1), 3(2)(c), 3(4)).
 */
export const dueDate = (receivedOn: Temporal.PlainDate, jurisdiction: Jurisdiction): Deadline => ({
  due: nextWorkingDay(receivedOn.add({ months: 1 }), jurisdiction),
  basis: "GDPR Art. 12(3)",
});

/**
 * By when, after an extension by two further months: receipt plus three months, then moved; never the moved first date
 * plus two. The caller sees to the reasoned notice inside the first month, without which there is no extension.
 */
export const extendedDueDate = (receivedOn: Temporal.PlainDate, jurisdiction: Jurisdiction): Deadline => ({
  due: nextWorkingDay(receivedOn.add({ months: 3 }), jurisdiction),
  basis: "GDPR Art. 12(3), extended",
});
