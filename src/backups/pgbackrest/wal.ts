import type { Listing } from "#backups/pgbackrest/info.ts";

/** A segment of the write-ahead log as it lies in the archive: its name, when it came there, in seconds since 1970. */
export type Segment = { readonly name: string; readonly time: number };

/** `TIMELINE LOG SEGMENT` in hexadecimal, then `-` and a checksum, and perhaps how it is compressed. */
const named = /(?:^|\/)(?<name>[0-9A-F]{24})-[0-9a-f]{40}(?:\.[a-z0-9]+)?$/;

export const segmentsIn = (files: Listing): readonly Segment[] =>
  Object.entries(files)
    .flatMap(([path, { time }]) => {
      const name = named.exec(path)?.groups?.["name"];
      return name === undefined || time === undefined ? [] : [{ name, time }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));

/**
 * Whether every segment from `start` to `stop` is there; a backup is made on one timeline. How many segments a log of 4 GiB has depends on their size,
 * which nobody tells: where the next is missing, the first of the next log may follow after a power of two.
 */
export const isWhole = (
  names: ReadonlySet<string>,
  { start, stop }: { readonly start: string; readonly stop: string },
): boolean => {
  if (start > stop || start.slice(0, 8) !== stop.slice(0, 8)) return false;
  for (let name = start; names.has(name);) {
    if (name === stop) return true;
    const { next, nextLog, mayEnd } = after(name);
    name = !names.has(next) && mayEnd ? nextLog : next;
  }
  return false;
};

const after = (name: string): { readonly next: string; readonly nextLog: string; readonly mayEnd: boolean } => {
  const [timeline, log, count] = [name.slice(0, 8), number(name.slice(8, 16)), number(name.slice(16)) + 1];
  const nextLog = `${timeline}${hex(log + 1)}${hex(0)}`;
  return {
    next: count > 4096 ? nextLog : `${timeline}${hex(log)}${hex(count)}`,
    nextLog,
    mayEnd: count >= 4 && (count & (count - 1)) === 0,
  };
};

const number = (digits: string): number => Number.parseInt(digits, 16);

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");
