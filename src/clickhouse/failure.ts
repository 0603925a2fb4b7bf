import { LetheError, isLetheError } from "#lib/errors.ts";

/** How ClickHouse and Node name what means that nobody answers. */
const unreachable = new Set(["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ETIMEDOUT", "EAI_AGAIN"]);
const privileges = new Set([
  "ACCESS_DENIED",
  "AUTHENTICATION_FAILED",
  "WRONG_PASSWORD",
  "REQUIRED_PASSWORD",
  "READONLY",
]);

/** What went wrong, by the name of ClickHouse's error alone: its message quotes statements and values. */
export const clickhouseFailure = (error: unknown, label: string): unknown => {
  if (isLetheError(error)) return error;
  const name = nameOf(error);
  if (name !== undefined) {
    if (privileges.has(name)) {
      return new LetheError("DATABASE_PRIVILEGE", `store ${label}: ClickHouse refuses our account (${name})`, {
        hint: "check user and password, and give the account what the README lists under ClickHouse",
        cause: named(name),
      });
    }
    return new LetheError("DATABASE_FAILED", `store ${label}: ClickHouse could not do what was asked (${name})`, {
      hint: "look up the name of the error in ClickHouse's own log; what was begun is finished or undone by the next run",
      cause: named(name),
    });
  }
  // What is wrong in our own code comes as an error of some class.
  if (!(error instanceof Error) || (error.constructor !== Error && !("code" in error))) return error;
  const code = "code" in error ? String(error.code) : "";
  if (unreachable.has(code)) {
    return new LetheError("DATABASE_REFUSED", `store ${label}: ClickHouse does not answer (${code})`, {
      hint: "check that the server runs, and its address in the configuration",
      cause: named(code),
    });
  }
  return new LetheError(
    "DATABASE_LOST",
    `store ${label}: the connection to ClickHouse broke${code === "" ? "" : ` (${code})`}`,
    {
      hint: "the next run asks ClickHouse what it has done, and goes on from there",
      cause: named(code),
    },
  );
};

/** The package that works in this process throws a class of its own that looks the same. */
const nameOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error) || !("type" in error && "code" in error) || !/^\d+$/.test(String(error.code)))
    return undefined;
  return typeof error.type === "string" && error.type !== "" ? error.type : `error ${String(error.code)}`;
};

const named = (name: string): Error => new Error(name);

/** Whether ClickHouse gave up a statement at its time limit. */
export const tookTooLong = (error: unknown): boolean =>
  isLetheError(error) && error.cause instanceof Error && error.cause.message === "TIMEOUT_EXCEEDED";
