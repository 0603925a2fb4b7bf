import type { Path } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";
import type { WrittenTransform } from "#policy/schema/document.ts";

export type Note = (path: Path, what: string, hint?: string) => void;
export type Columns = Readonly<Record<string, WrittenTransform>>;

export const isStay = (transform: WrittenTransform | undefined): boolean =>
  typeof transform === "object" && transform.stays !== undefined;

export const isShuffled = (transform: WrittenTransform | undefined): boolean =>
  typeof transform === "object" && transform.shuffle !== undefined;

export const isAveraged = (transform: WrittenTransform | undefined): boolean =>
  typeof transform === "object" && transform.mean !== undefined;

export const listed = (columns: Columns, column: string): boolean => Object.hasOwn(columns, column);

export const suggestion = (columns: Columns, column: string): string => {
  const meant = nearest(column, Object.keys(columns));
  return meant === undefined ? `list \`${column}\` in \`columns\`` : `did you mean \`${meant}\`?`;
};
