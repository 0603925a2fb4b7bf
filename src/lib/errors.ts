import type { ErrorCode } from "#lib/error-codes.ts";
import { exitOf } from "#lib/error-codes.ts";

/** Where in an input a mistake is: a path as the user wrote it, 1-based line and column. */
export type Place = { readonly file: string; readonly line?: number; readonly column?: number };

export type ErrorDetails = {
  readonly place?: Place;
  readonly cause?: unknown;
  /** One imperative sentence: what the reader does next. */
  readonly hint: string;
};

/**
 * The only error that Lethe shows to people. `message` and `hint` never carry personal data: they name tables,
 * columns, constraints, counts and request references, never a value that came from a row or a request.
 */
export class LetheError extends Error {
  override readonly name = "LetheError";
  readonly code: ErrorCode;
  readonly place: Place | undefined;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.place = details.place;
    this.hint = details.hint;
  }

  /** The process exit status of the outside contract (2 usage, 3 policy, 4 evidence, 1 everything else). */
  get exit(): number {
    return exitOf(this.code);
  }
}

export const isLetheError = (error: unknown, code?: ErrorCode): error is LetheError =>
  error instanceof LetheError && (code === undefined || error.code === code);

/** `file:line:column`, as editors and terminals link it. */
export const formatPlace = ({ file, line, column }: Place): string =>
  [file, line, column].filter((part) => part !== undefined).join(":");
