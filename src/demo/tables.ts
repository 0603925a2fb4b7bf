import type { CopyValue } from "#db/copy.ts";

/** A row by column name, in the order in which all rows of its table list their columns. */
export type Row = Readonly<Record<string, CopyValue>>;

/** Tables in the order in which their foreign keys allow them to be loaded. */
export type Tables = ReadonlyMap<string, readonly Row[]>;

/** Cents as the text of a `numeric(…,2)`: money never passes through a binary fraction. */
export const money = (cents: number): string => `${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
