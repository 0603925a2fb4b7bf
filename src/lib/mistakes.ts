import type { ErrorCode } from "#lib/error-codes.ts";
import type { Place } from "#lib/errors.ts";
import { LetheError, formatPlace } from "#lib/errors.ts";

export type Path = readonly (string | number)[];

/** Where things stand in a YAML file, by their path of keys. */
export type Places = {
  /** A key of a mapping, or an item of a list; the nearest enclosing one when there is none. */
  readonly placeOf: (path: Path) => Place;
  /** The value itself: what follows the key. */
  readonly valuePlaceOf: (path: Path) => Place;
};

/** One thing that is wrong in a document that people write. `what` names keys, never the value found there. */
export type Mistake = { readonly place: Place; readonly what: string; readonly hint?: string | undefined };

/**
 * One error for all mistakes of a document, in the order of the file: the message begins with the first and goes on
 * with a line `file:line:column what` for each, so that one look mends the whole file.
 */
export const mistakesError = (
  code: ErrorCode,
  mistakes: readonly [Mistake, ...Mistake[]],
  fallbackHint: string,
): LetheError => {
  const sorted = mistakes.toSorted(inFileOrder);
  const first = sorted[0] ?? mistakes[0];
  const more = sorted.length - 1;
  const lines = sorted.map(({ place, what, hint }) => {
    return `${formatPlace(place)} ${what}${hint === undefined ? "" : ` (${hint})`}`;
  });
  const message = more === 0 ? first.what : [`${first.what} (and ${more} more)`, ...lines].join("\n");
  return new LetheError(code, message, { place: first.place, hint: first.hint ?? fallbackHint });
};

/** Throws when there is any mistake. */
export const refuseMistakes = (code: ErrorCode, mistakes: readonly Mistake[], hint: string): void => {
  const [first, ...others] = mistakes;
  if (first !== undefined) throw mistakesError(code, [first, ...others], hint);
};

const inFileOrder = ({ place: a }: Mistake, { place: b }: Mistake): number =>
  (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
