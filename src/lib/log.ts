import { createRequire } from "node:module";
import pino, { type DestinationStream, type LogFn, type Logger } from "pino";
import type { prettyFactory } from "pino-pretty";
import { LetheError } from "#lib/errors.ts";

export type LogOptions = {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  /** One readable line each for people, instead of JSON. */
  readonly pretty: boolean;
  readonly destination: NodeJS.WritableStream;
};

// Under these names values of people, secrets, or texts of the driver that quote values have been seen, at the top of a
// line and one object further in.
const secret = [
  "email",
  "phone",
  "external_id",
  "device_id",
  "identifier",
  "identifiers",
  "value",
  "values",
  "key",
  "keys",
  "row",
  "parameters",
  "url",
  "connectionString",
  "password",
  "detail",
  "where",
  "internalQuery",
];

/**
 * Structured log lines to a stream, normally standard error. Stages add the run with `log.child({ run: run.id })`. The
 * lists above are a net below the rule that nobody logs personal data; errors are written without foreign texts.
 */
export const createLogger = ({ level, pretty: forPeople, destination }: LogOptions): Logger => {
  const colorize = "isTTY" in destination && destination.isTTY === true;
  const format = forPeople ? prettyLines()({ colorize, ignore: "pid,hostname" }) : (line: string) => line;
  const stream: DestinationStream = { write: (line) => void destination.write(format(line)) };
  return pino(
    {
      level,
      base: null,
      redact: {
        paths: [...secret, ...secret.map((name) => `*.${name}`), ...secret.map((name) => `*.*.${name}`)],
        censor: "[redacted]",
      },
      serializers: { err: describeError, error: describeError },
      hooks: { logMethod: withoutForeignText },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    stream,
  );
};

/** Only people at a terminal need it, and it takes as long to load as everything else here. */
const prettyLines = (): typeof prettyFactory =>
  (createRequire(import.meta.url)("pino-pretty") as { readonly prettyFactory: typeof prettyFactory }).prettyFactory;

// Where a line comes with an error and no text of ours, pino would take the error's own message for the text.
const withoutForeignText = function (this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, second, ...rest]: readonly unknown[] = args;
  const fields = first instanceof Error ? { err: first } : first;
  const bare = second === undefined && typeof fields === "object" && fields !== null && "err" in fields;
  Reflect.apply(method, this, second === undefined && !bare ? [fields] : [fields, bare ? "error" : second, ...rest]);
};

export type ErrorDescription =
  | {
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      readonly place?: unknown;
      readonly cause?: ErrorDescription;
    }
  | { readonly name: string; readonly sqlstate?: string };

/**
 * What a log may say of an error: everything of a `LetheError`, whose texts carry no personal data, and of any other
 * only its name and SQLSTATE or system code, since messages of drivers and parsers quote what they choked on.
 */
export const describeError = (error: unknown): ErrorDescription => {
  if (error instanceof LetheError) {
    const { code, message, hint, place, cause } = error;
    return {
      code,
      message,
      hint,
      ...(place === undefined ? {} : { place }),
      ...(cause === undefined ? {} : { cause: describeError(cause) }),
    };
  }
  if (!(error instanceof Error)) return { name: typeof error };
  const code =
    "code" in error && typeof error.code === "string" && /^[A-Z0-9_]{3,40}$/.test(error.code) ? error.code : undefined;
  return { name: nameOf(error), ...(code === undefined ? {} : { sqlstate: code }) };
};

// A name is a property that anybody can set: only one that looks like a class is repeated.
const nameOf = (error: Error): string => (/^[A-Za-z]{1,60}$/.test(error.name) ? error.name : "Error");
