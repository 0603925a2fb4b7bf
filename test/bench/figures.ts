export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new RangeError("no values");
  return (low + high) / 2;
};

/** Two digits that mean something. */
export const rounded = (value: number): number => Number(value.toPrecision(value >= 100 ? 3 : 2));

export type Aim = { readonly what: string; readonly measured: number; readonly atMost: number };

export const aimLine = ({ what, measured, atMost }: Aim): string =>
  `${measured <= atMost ? "reached" : "MISSED "}  ${what}: ${rounded(measured)} (at most ${rounded(atMost)})`;
