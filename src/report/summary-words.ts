import type { styleText } from "node:util";

export type Colour = Parameters<typeof styleText>[0];
/** Text with its colour: lengths are counted before colours are put in. */
export type Piece = { readonly text: string; readonly colour?: Colour };
export type Line = readonly Piece[];

const figures = new Intl.NumberFormat("en-GB");
export const figure = (value: number): string => figures.format(value);

/** Decimal text with groups of three; never through a number, which could round. */
export const grouped = (amount: string): string => amount.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ",");

export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${figure(value)} ${value === 1 ? one : many}`;

/** At most `room` letters, none of which may move the cursor. */
export const cut = (text: string, room: number): string => {
  const letters = [...text.replaceAll(/\p{Cc}/gu, "?")];
  if (room <= 0) return "";
  return letters.length <= room ? letters.join("") : `${letters.slice(0, room - 1).join("")}…`;
};
