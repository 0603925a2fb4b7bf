import type { Temporal } from "temporal-polyfill";
import { dayIn, type Clock } from "#lib/clock.ts";

/** Dates of the sample company, all counted back from today so that the demo always looks current. */
export type Calendar = {
  readonly today: Temporal.PlainDate;
  readonly timeZone: string;
  /** ISO date, `ago` days before today. */
  day(ago: number): string;
  /** ISO instant in UTC, `ago` days before today at `second` of the day. */
  moment(ago: number, second: number): string;
};

const two = (value: number): string => String(value).padStart(2, "0");

export const calendar = (clock: Clock, timeZone: string): Calendar => {
  const today = dayIn(clock.now(), timeZone);
  // A hundred thousand rows share about fifteen hundred days.
  const known = new Map<number, string>();
  const day = (ago: number): string => {
    const text = known.get(ago) ?? today.subtract({ days: ago }).toString();
    known.set(ago, text);
    return text;
  };
  const moment = (ago: number, second: number): string =>
    `${day(ago)}T${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}Z`;
  return { today, timeZone, day, moment };
};
