import { CommanderError } from "commander";
import { databaseError } from "#db/database-error.ts";
import { formatPlace, LetheError } from "#lib/errors.ts";

/**
 * What people see of any error: a `LetheError`. Errors of commander become `USAGE`, those of the database driver
 * `DATABASE_…`, all others `INTERNAL` with the place in our code and without the message, which may quote data.
 */
export const presentable = (error: unknown): LetheError => {
  if (error instanceof LetheError) return error;
  if (error instanceof CommanderError) return usage(error);
  // Closing failed after the work had failed: the work's error is the cause.
  if (error instanceof Error && "suppressed" in error) return presentable(error.suppressed);
  const known = databaseError(error, "of Lethe or of a store");
  if (known instanceof LetheError) return known;
  const name = error instanceof Error && /^[A-Za-z]{1,60}$/.test(error.name) ? error.name : "an unknown error";
  return new LetheError("INTERNAL", `${name}${placeIn(error)}`, {
    hint: "this is a defect of Lethe: please report this line; run again, nothing is half done",
    cause: error,
  });
};

/** For people: code, message, place and hint. */
export const errorText = ({ code, message, place, hint }: LetheError): string =>
  [`error ${code}: ${message}`, ...(place === undefined ? [] : [`  at ${formatPlace(place)}`]), `  hint: ${hint}`].join(
    "\n",
  );

/** For `--json`. */
export const errorDocument = ({ code, message, place, hint }: LetheError) => ({
  error: { code, message, hint, ...(place === undefined ? {} : { place }) },
});

const usage = ({ message }: CommanderError): LetheError => {
  const [first = "", ...more] = message.replace(/^error: /, "").split("\n");
  const suggestion = more.join(" ").replaceAll(/[()]/g, "").trim();
  return new LetheError("USAGE", first === "(outputHelp)" ? "name a command" : first, {
    hint: suggestion === "" ? "see lethe --help" : `${suggestion} See lethe --help`,
  });
};

// The first line of the stack that lies in our code, from its folder on: paths of the machine say nothing to anybody.
const placeIn = (error: unknown): string => {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const found = /\b((?:src|jobs|reports)\/[\w./-]+\.[jt]s:\d+)/.exec(stack.slice(stack.indexOf("\n    at ")));
  return found === null ? "" : ` at ${found[1]}`;
};
