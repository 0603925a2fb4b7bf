import { text } from "node:stream/consumers";
import type { z } from "zod";
import { LetheError } from "#lib/errors.ts";
import { runProgram } from "#lib/run-program.ts";

export type Question = {
  /** Of the repository, in messages. */
  readonly name: string;
  readonly program: string;
  /** The first argument, which messages name. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The version that answers were read of. */
  readonly tried: string;
};

/** Asks a program that looks after backups for one JSON document. Throws `BACKUPS_UNREADABLE` where it does not answer, or not as `schema` says. */
export const askJson = async <T>(question: Question, schema: z.ZodType<T>): Promise<T> => {
  const { name, program, command, args, env = {}, tried } = question;
  const unreadable = (what: string, hint: string): LetheError =>
    new LetheError("BACKUPS_UNREADABLE", `backups ${name}: ${what}`, { hint });
  let answer = "";
  const read = async (output: Parameters<typeof text>[0]): Promise<void> => {
    answer = await text(output);
  };
  const { code } = await runProgram(program, [command, ...args], { read, env });
  if (code === undefined)
    throw unreadable(`${program} cannot be started`, "install it, or say with `program` where it is");
  if (code !== 0)
    throw unreadable(
      `${program} ${command} ended with ${code}`,
      "run it by hand as this account, and see to the repository, its keys, and locks that are left",
    );
  const found = schema.safeParse(fromJson(answer));
  if (found.success) return found.data;
  throw unreadable(`what ${program} ${command} said is not understood`, `this was tried with ${tried}; use that`);
};

const fromJson = (answer: string): unknown => {
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
};
