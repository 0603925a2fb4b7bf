import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";
import { LetheError } from "#lib/errors.ts";

const execute = promisify(execFile);

/**
 * Who runs the server. `ourselves`: the ordinary user that we are. `lowered`: we are root, which PostgreSQL refuses, so
 * an unprivileged account runs it; `override` when that account cannot reach the programs or the data by itself.
 */
export type Account =
  | { readonly kind: "ourselves" }
  | { readonly kind: "lowered"; readonly uid: number; readonly gid: number; readonly override: boolean };

/** `data` may not exist yet; `directory` and `program` do. */
export const chooseAccount = async (directory: string, data: string, program: string): Promise<Account> => {
  if (process.getuid?.() !== 0) return { kind: "ourselves" };
  const { uid, gid } = (await ownerOf(data)) ?? (await unprivileged());
  const reaches = await execute("/bin/sh", ["-c", 'cd -- "$1" && test -x "$2"', "sh", directory, program], {
    uid,
    gid,
    cwd: "/",
  }).then(
    () => true,
    () => false,
  );
  return { kind: "lowered", uid, gid, override: !reaches };
};

// Data that an ordinary user made stays that user's, so that both can use it.
const ownerOf = async (data: string): Promise<{ uid: number; gid: number } | undefined> => {
  const found = await stat(data).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid, gid: found.gid };
};

const unprivileged = async (): Promise<{ uid: number; gid: number }> => {
  for (const name of ["postgres", "nobody"]) {
    try {
      const [uid, gid] = await Promise.all(
        ["-u", "-g"].map(async (flag) => Number((await execute("id", [flag, name])).stdout)),
      );
      if (uid !== undefined && gid !== undefined && uid > 0) return { uid, gid };
    } catch {
      // no such account: try the next
    }
  }
  throw new LetheError(
    "EMBEDDED_FAILED",
    "PostgreSQL does not run as root, and there is no account postgres or nobody",
    {
      hint: "run Lethe as an ordinary user, or set url: of your own PostgreSQL in the configuration",
    },
  );
};

/**
 * Runs a program of PostgreSQL to its end as `account`; rejects when it fails. Only PATH is handed on: PGDATA, PGPORT
 * or a locale of the user's shell must not change what the server does.
 */
export const runAs = async (account: Account, program: string, args: readonly string[]): Promise<void> => {
  const options = { cwd: "/", env: { PATH: process.env["PATH"], LC_ALL: "C" }, maxBuffer: 16 * 2 ** 20 };
  if (account.kind === "ourselves") {
    await execute(program, [...args], options);
  } else if (account.override) {
    // PostgreSQL refuses the effective user 0 and nothing else. This one capability lets the account pass directories
    // that only root may enter (a clone below /root or a 0700 directory); util-linux hands it across exec. Without the
    // secure bit access(2), by which PostgreSQL looks for its own programs, would leave the capability out of account.
    const capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"];
    const who = [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups", "--securebits=+no_setuid_fixup"];
    await execute("setpriv", [...who, ...capability, program, ...args], options);
  } else {
    await execute(program, [...args], { ...options, uid: account.uid, gid: account.gid });
  }
};
