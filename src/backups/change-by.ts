import { eachLine, runProgram } from "#lib/run-program.ts";

/** How a change ended that a program was asked for. `full`: it said that there is no room where it writes. */
export type Changed = "done" | "refused" | "full";

/** As the kernel says it, whoever repeats it. */
const noRoom = /no space left on device|disk quota exceeded/i;

/** Asks a program that looks after backups to change them. Of what it says of errors only that there is no room goes anywhere. */
export const changeBy = async (
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Changed> => {
  let isFull = false;
  const readErrors = eachLine((line) => {
    isFull ||= noRoom.test(line);
  });
  const { code } = await runProgram(program, args, { env, readErrors });
  if (code === 0) return "done";
  return isFull ? "full" : "refused";
};

/** The same as `Repository.finish` says it. */
export const finishedAs = (changed: Changed): boolean | "full" => (changed === "full" ? changed : changed === "done");
