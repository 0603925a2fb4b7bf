/** A place in the write-ahead log (LSN), as a number of bytes since its beginning. */
export type Lsn = bigint;

/** `X/Y` as PostgreSQL writes it; undefined of anything else. */
export const lsnOf = (text: string): Lsn | undefined => {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? [];
  return high === undefined || low === undefined ? undefined : (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
};

/** The file that holds a place of a timeline, of a server whose segments have `size` bytes. */
export const segmentAt = (timeline: number, lsn: Lsn, size: number): string => {
  const offset = Number(lsn & 0xffff_ffffn);
  return `${hex(timeline)}${hex(Number(lsn >> 32n))}${hex(Math.floor(offset / size))}`;
};

/** Where in the log a segment is, whatever its timeline: the order in which segments were written. */
export const positionOf = (segment: string): string => segment.slice(8, 24);

/** Whether every segment from `start` to `stop` is there; a backup is made on one timeline. */
export const isWhole = (
  names: ReadonlySet<string>,
  { start, stop }: { readonly start: string; readonly stop: string },
): boolean => {
  const timeline = start.slice(0, 8);
  if (start > stop || timeline !== stop.slice(0, 8)) return false;
  for (
    let name = start;
    names.has(name);
    name = `${timeline}${following(positionOf(name), (position) => names.has(`${timeline}${position}`))}`
  )
    if (name === stop) return true;
  return false;
};

/** The last of the positions that follow on `start` without a gap; undefined where it is missing itself. */
export const lastInLine = (positions: ReadonlySet<string>, start: string): string | undefined => {
  let last: string | undefined;
  for (let position = start; positions.has(position); position = following(position, (next) => positions.has(next)))
    last = position;
  return last;
};

/**
 * How many segments a log of 4 GiB has depends on their size, which their names do not tell: where the next is missing, the first of the next log may
 * follow after a power of two.
 */
const following = (position: string, isThere: (position: string) => boolean): string => {
  const [log, count] = [number(position.slice(0, 8)), number(position.slice(8)) + 1];
  const next = `${hex(log)}${hex(count)}`;
  const nextLog = `${hex(log + 1)}${hex(0)}`;
  const mayEnd = count >= 4 && (count & (count - 1)) === 0;
  return count > 4096 || (!isThere(next) && mayEnd) ? nextLog : next;
};

const number = (digits: string): number => Number.parseInt(digits, 16);

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");
