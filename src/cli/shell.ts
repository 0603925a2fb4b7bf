import type { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import type { Json } from "#lib/canonical.ts";

export type GlobalOptions = {
  readonly config: string;
  readonly json: boolean;
  /** ISO instant: the clock, for rehearsals and tests. */
  readonly now: string | undefined;
};

/** `unattended`: nobody watches; log what happens instead of showing progress. */
export type Manner = "attended" | "unattended";

/**
 * What every command gets: `src/cli/program.ts` makes it. A command module exports `register(program, shell)`, prints only through
 * `answer`, and sets an exit status other than 0 only through `exitWith` or by throwing a `LetheError`.
 */
export type Shell = {
  readonly options: () => GlobalOptions;
  /** Opens configuration, keys, databases and policies, runs `work`, closes everything again. */
  readonly withContext: <T>(work: (context: Context) => Promise<T>, manner?: Manner) => Promise<T>;
  /** Aborted by the first SIGTERM or SIGINT; the second one ends the process at once. */
  readonly signal: () => AbortSignal;
  /** The clock of `--now`, for what happens outside a context. Throws `USAGE`. */
  readonly now: () => Promise<Temporal.Instant>;
  /** With `--json` exactly this one document on standard output, else the text. */
  readonly answer: (document: Json, text: () => string) => void;
  readonly exitWith: (status: 0 | 1 | 2 | 3 | 4 | 5) => void;
};
