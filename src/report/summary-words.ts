import type { styleText } from "node:util";
import { figure } from "#lib/figure.ts";

export type Colour = Parameters<typeof styleText>[0];
/** Text with its colour: lengths are counted before colours are put in. */
export type Piece = { readonly text: string; readonly colour?: Colour };
export type Line = readonly Piece[];

export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${figure(value)} ${value === 1 ? one : many}`;

/** At most `room` letters, none of which may move the cursor. */
export const cut = (text: string, room: number): string => {
  const letters = [...text.replaceAll(/\p{Cc}/gu, "?")];
  if (room <= 0) return "";
  return letters.length <= room ? letters.join("") : `${letters.slice(0, room - 1).join("")}…`;
};
