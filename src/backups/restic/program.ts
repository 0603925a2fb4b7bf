import { z } from "zod";
import { askJson } from "#backups/ask-json.ts";
import { changeBy, type Changed } from "#backups/change-by.ts";
import type { ResticConfig } from "#config.ts";
import { eachLine, runProgram } from "#lib/run-program.ts";

/** What is read of `restic snapshots --json`. The id is the SHA-256 of the snapshot's file in the repository. */
const snapshots = z.array(z.object({ id: z.string().regex(/^[0-9a-f]{64}$/), time: z.string() }));
export type Snapshot = z.infer<typeof snapshots>[number];

/** What is read of `restic cat lock`: who left it, and when. */
const lock = z.object({ time: z.string(), hostname: z.string(), pid: z.number() });
export type Lock = z.infer<typeof lock>;

const stats = z.object({ total_size: z.number() });

export type Restic = {
  /** All, or those that one id is of. @throws LetheError `BACKUPS_UNREADABLE` */
  readonly snapshots: (id?: string) => Promise<readonly Snapshot[]>;
  /** Bytes that a restore of a snapshot would write; undefined where that cannot be told. */
  readonly size: (id: string) => Promise<number | undefined>;
  /** Reads all of the repository and compares it with its hashes. (`dump` of restic 0.14 ends with 0 where directories and files are damaged.) */
  readonly isWhole: () => Promise<boolean>;
  /** Restores all files of a snapshot below a directory. */
  readonly restore: (id: string, into: string, signal: AbortSignal) => Promise<boolean>;
  /** Drops the reference to what a snapshot holds. */
  readonly forget: (id: string) => Promise<Changed>;
  /** What keeps others from forgetting and pruning. */
  readonly locks: () => Promise<readonly Lock[]>;
  /** Deletes from the repository whatever no snapshot holds, to the last byte. */
  readonly prune: () => Promise<Changed>;
};

export const openRestic = ({ name, repository, passwordFile, tag, program }: ResticConfig): Restic => {
  // A URL may carry a password.
  const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD_FILE: passwordFile };
  const common = ["--quiet", "--no-cache"];
  const ask = <T>(command: string, args: readonly string[], schema: z.ZodType<T>): Promise<T> =>
    askJson(
      { name, program, command, args: [...common, "--json", "--no-lock", ...args], env, tried: "restic 0.14" },
      schema,
    );
  const succeeds = async (...args: readonly string[]): Promise<boolean> =>
    (await runProgram(program, [...args, ...common], { env })).code === 0;
  return {
    snapshots: (id) => ask("snapshots", id === undefined ? (tag === undefined ? [] : ["--tag", tag]) : [id], snapshots),
    // Of a snapshot that cannot be read nothing is known but that it is there: whether it is good is asked later.
    size: (id) =>
      ask("stats", ["--mode", "restore-size", id], stats).then(
        ({ total_size: bytes }) => bytes,
        () => undefined,
      ),
    isWhole: () => succeeds("check", "--no-lock", "--read-data"),
    restore: async (id, into, signal) => {
      const { code } = await runProgram(program, ["restore", id, "--no-lock", "--target", into, ...common], {
        env,
        signal,
      });
      return code === 0;
    },
    forget: (id) => changeBy(program, ["forget", id, ...common], env),
    locks: async () => {
      const ids: string[] = [];
      const read = eachLine((line) => void ids.push(line.trim()));
      await runProgram(program, ["list", "locks", "--no-lock", ...common], { env, read });
      const found: Lock[] = [];
      // One that is lifted meanwhile is none.
      for (const id of ids)
        found.push(
          ...(await ask("cat", ["lock", id], lock).then(
            (each) => [each],
            () => [],
          )),
        );
      return found;
    },
    prune: () => changeBy(program, ["prune", "--max-unused", "0", ...common], env),
  };
};
