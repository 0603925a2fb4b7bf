import { chown, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "#config.ts";
import { chooseAccount, type Account } from "#db/embedded-account.ts";
import { isPostmaster } from "#db/embedded-adopt.ts";
import type { Programs } from "#drill/programs.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { LetheError } from "#lib/errors.ts";
import { runProgram } from "#lib/run-program.ts";
import { embeddedDirectory } from "#open-context.ts";

/**
 * Where a drill takes place: a directory that is there for one at a time, since a run has the lock. Where others have theirs beside it, it has a name that
 * nobody else gives: every run destroys what is there.
 */
export const drillPlace = (config: Pick<Config, "directory" | "drill">): string =>
  config.drill.directory === undefined
    ? join(embeddedDirectory(config), "drill")
    : join(config.drill.directory, `lethe-drill-${sha256Hex(config.directory).slice(0, 12)}`);

export const dataIn = (place: string): string => join(place, "data");

/** For what is no data directory. */
export const filesIn = (place: string): string => join(place, "files");

/**
 * Destroys what a drill left, and its server before that: it holds everything that the company has. Every run begins with it, since a drill that was
 * killed cannot.
 *
 * @throws LetheError `DRILL_FAILED`
 */
export const clearPlace = async (place: string): Promise<void> => {
  const server = await readServer(dataIn(place));
  if (server !== undefined) {
    stop(server.pid, "SIGQUIT");
    for (let tries = 0; tries < 100 && stop(server.pid, 0); tries += 1) await sleep(50);
    stop(server.pid, "SIGKILL");
    await rm(server.socket, { recursive: true, force: true });
  }
  await rm(place, { recursive: true, force: true }).catch((cause: unknown) => {
    throw new LetheError("DRILL_FAILED", "what a drill left cannot be destroyed", {
      hint: `it holds everything that a backup held: remove ${place} as the account that ran the drill, or as root`,
      cause,
    });
  });
};

/** Makes the place anew, for the account that is to run the server, and answers which that is. */
export const makePlace = async (place: string, { pg_ctl }: Programs): Promise<Account> => {
  await clearPlace(place);
  await mkdir(dirname(place), { recursive: true });
  await mkdir(place, { mode: 0o700 });
  const account = await chooseAccount(place, dataIn(place), pg_ctl);
  for (const path of [dataIn(place), filesIn(place)]) await mkdir(path, { mode: 0o700 });
  for (const path of [place, dataIn(place), filesIn(place)]) await give(account, path);
  return account;
};

/** For the account that runs the server, where that is another one. */
export const give = async (account: Account, path: string): Promise<void> => {
  if (account.kind === "lowered") await chown(path, account.uid, account.gid);
};

/** The same with all that is in it, which a program is quicker at than we are. */
export const giveAll = async (account: Account, place: string): Promise<void> => {
  if (account.kind === "lowered") await runProgram("chown", ["-R", `${account.uid}:${account.gid}`, place]);
};

/** Lines of postmaster.pid: pid, data directory, start time, port, socket directory, … */
const readServer = async (data: string): Promise<{ readonly pid: number; readonly socket: string } | undefined> => {
  const lines = (await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
  const [pid, socket] = [Number(lines[0]), lines[4] ?? ""];
  // A number that belongs to another process since, whoever it is, is left alone.
  const known = Number.isSafeInteger(pid) && pid > 0 && socket.includes("lethe-drill-");
  return known && (await isPostmaster(pid, data)) ? { pid, socket } : undefined;
};

const stop = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
};
