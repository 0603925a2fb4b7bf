import { Temporal } from "temporal-polyfill";

const units = ["years", "months", "weeks", "days", "hours", "minutes", "seconds"] as const;

/** `P8Y` as `8 years`, `P1Y6M` as `1 year and 6 months`. Throws RangeError for what is no ISO 8601 duration. */
export const durationText = (iso: string): string => {
  const duration = Temporal.Duration.from(iso);
  const parts = units
    .filter((unit) => duration[unit] !== 0)
    .map((unit) => `${duration[unit]} ${duration[unit] === 1 ? unit.slice(0, -1) : unit}`);
  return parts.length < 2 ? (parts[0] ?? "no time") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
};

/** Whether a text is an ISO 8601 duration that leads forward. */
export const isDuration = (text: string): boolean => {
  try {
    return Temporal.Duration.from(text).sign === 1;
  } catch {
    return false;
  }
};
