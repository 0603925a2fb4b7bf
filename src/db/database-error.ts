import pg from "pg";
import { LetheError } from "#lib/errors.ts";
import type { ErrorCode } from "#lib/error-codes.ts";

/**
 * What PostgreSQL says of an error, without `detail`, `where`, `internalQuery` and the driver's message: those quote
 * row values. Table, column and constraint are names.
 */
export type SqlFailure = {
  readonly sqlstate: string;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
  /** By RAISE in a function of the application, with whatever SQLSTATE it likes. */
  readonly raised: boolean;
};

export const sqlFailureOf = (error: unknown): SqlFailure | undefined => {
  const source = error instanceof LetheError ? error.cause : error;
  // Of the server's own: `EROFS` is five capitals, too.
  if (!(source instanceof pg.DatabaseError) || source.code === undefined) return undefined;
  const { code, table, column, constraint, routine } = source;
  return { sqlstate: code, table, column, constraint, raised: routine === "exec_stmt_raise" };
};

/**
 * What to do about an error while a batch runs (I4):
 * - `retry`: the transaction as a whole may succeed if it is run again;
 * - `split`: some subject's rows are the cause: halve the batch until the culprit is alone;
 * - `doubt`: the store's, or some subject's whose rows a trigger chokes on: halve once to see;
 * - `store`: no subject is to blame: stop work on this store.
 */
export type Remedy = "retry" | "split" | "doubt" | "store";

export const remedyFor = ({ sqlstate, raised }: SqlFailure): Remedy => {
  switch (sqlstate) {
    case "40001": // serialization_failure: another transaction changed the rows of our snapshot
    case "40P01": // deadlock_detected
      return "retry";
    case "55P03": // lock_not_available: lock_timeout on somebody's row
    case "57014": // query_canceled: statement_timeout
    case "55006": // object_in_use
      return "split";
    default:
      // Data, constraints, triggered changes, limits that a value exceeds; and whatever a trigger raises.
      if (raised) return "split";
      if (ofTheServer.test(sqlstate)) return "store";
      return ofThings.test(sqlstate) ? "doubt" : "split";
  }
};

/** Classes of PostgreSQL (appendix A of its manual) that speak of the connection, the session, or the server. */
const ofTheServer = /^(08|25|28|3D|53|57|58|72|F0)/;

/** Classes that speak of what the role may, of what exists, or of the programs: also of those that run for some rows only. */
const ofThings = /^(0[0-9A-Z]|10|2[0146]|2[BDF]|34|3[BF]|40|42|55|HV|XX)/;

const networkCodes = new Set(["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ETIMEDOUT", "EAI_AGAIN", "ENOENT"]);
const lostMessages = /Connection terminated|connection error|not queryable|ECONNRESET|EPIPE|timeout exceeded/i;

const codeFor = (sqlstate: string): [ErrorCode, string] => {
  if (sqlstate === "25006" || sqlstate === "57P05")
    return ["DATABASE_READ_ONLY", "point Lethe at the primary, not at a replica or a read-only session"];
  if (sqlstate === "42501") return ["DATABASE_PRIVILEGE", "grant the role what `lethe init` printed"];
  if (/^(08|57P0[1-4]|58)/.test(sqlstate))
    return ["DATABASE_LOST", "check the server; run again, nothing is half done"];
  if (/^(28|3D|53300)/.test(sqlstate)) return ["DATABASE_REFUSED", "check url, role and password in the configuration"];
  return ["DATABASE_FAILED", "look the SQLSTATE up in the PostgreSQL manual, appendix A; run again after mending"];
};

/**
 * Turns whatever the driver threw into a `LetheError` that names the database, the SQLSTATE and the object, and quotes
 * nothing else: PostgreSQL puts row values into its messages. `LetheError`s pass through unchanged.
 */
export const databaseError = (error: unknown, label: string): unknown => {
  if (error instanceof LetheError) return error;
  const failure = sqlFailureOf(error);
  if (failure !== undefined) {
    const [code, hint] = codeFor(failure.sqlstate);
    const place = [failure.table, failure.column, failure.constraint].filter((name) => name !== undefined).join(", ");
    const object = place === "" ? "" : ` (${place})`;
    return new LetheError(code, `database ${label}: SQLSTATE ${failure.sqlstate}${object}`, { hint, cause: error });
  }
  if (!(error instanceof Error)) return error;
  const network = "code" in error && typeof error.code === "string" ? error.code : undefined;
  if (network !== undefined && networkCodes.has(network)) {
    return new LetheError("DATABASE_REFUSED", `database ${label} does not answer: ${network}`, {
      hint: "check that the server runs and that url, host and port in the configuration are right",
      cause: error,
    });
  }
  if (/does not support SSL/.test(error.message)) {
    return new LetheError(
      "DATABASE_REFUSED",
      `database ${label}: the server does not speak TLS, which the address demands`,
      {
        hint: "set up TLS on the server, or write sslmode=disable into the address where the network is trusted",
        cause: error,
      },
    );
  }
  if (network === "ECONNRESET" || network === "EPIPE" || lostMessages.test(error.message)) {
    return new LetheError("DATABASE_LOST", `database ${label}: the connection broke`, {
      hint: "check the server; run again, nothing is half done",
      cause: error,
    });
  }
  return error;
};
