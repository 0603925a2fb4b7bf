import type { Temporal } from "temporal-polyfill";
import type { Config } from "#config.ts";
import { dayIn } from "#lib/clock.ts";

/** The day by which every backup that can hold who was erased at an instant has passed its retention; null where none is kept. */
export const clearOn = (
  { backups, controller }: Pick<Config, "backups" | "controller">,
  at: Temporal.Instant,
): string | null => {
  if (backups.length === 0) return null;
  const days = Math.max(...backups.map(({ keepDays }) => keepDays));
  return dayIn(at, controller.timeZone).add({ days }).toString();
};
