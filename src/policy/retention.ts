import { Temporal } from "temporal-polyfill";
import type { RetentionClass } from "#policy/policy.ts";

/**
 * The first day on which a record may be erased. The period runs from the end of the event's day (Reg. 1182/71 Art. 3:
 * the day of the event is not counted) or from the end of its calendar year (HGB §257(5), BAO §132, AWR 52), and the
 * record stays through the last day of the period.
 */
export const erasableFrom = (cls: RetentionClass, event: Temporal.PlainDate): Temporal.PlainDate =>
  lastDayBefore(cls.anchor, event).add(Temporal.Duration.from(cls.period)).add({ days: 1 });

const lastDayBefore = (anchor: RetentionClass["anchor"], event: Temporal.PlainDate): Temporal.PlainDate => {
  switch (anchor) {
    case "event":
      return event;
    case "end-of-calendar-year":
      return event.with({ month: 12, day: 31 });
  }
};
