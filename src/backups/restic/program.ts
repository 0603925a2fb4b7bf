import { z } from "zod";
import type { ResticConfig } from "#config.ts";
import { LetheError } from "#lib/errors.ts";
import { runProgram } from "#lib/run-program.ts";

/** What is read of `restic snapshots --json` (restic 0.14 to 0.18). The id is the SHA-256 of the snapshot's file in the repository. */
const snapshot = z.object({ id: z.string().regex(/^[0-9a-f]{64}$/), time: z.string() });
export type Snapshot = z.infer<typeof snapshot>;

export type Restic = {
  /** All, or those that one id is of. @throws LetheError `BACKUPS_UNREADABLE` */
  readonly snapshots: (id?: string) => Promise<readonly Snapshot[]>;
  /** Bytes that a restore of a snapshot would write; undefined where that cannot be told. */
  readonly size: (id: string) => Promise<number | undefined>;
  /** Reads all of the repository and compares it with its hashes. (`dump` of restic 0.14 ends with 0 where directories and files are damaged.) */
  readonly isWhole: () => Promise<boolean>;
  /** Drops the reference to what a snapshot holds. */
  readonly forget: (id: string) => Promise<boolean>;
  /** Deletes from the repository whatever no snapshot holds, to the last byte. */
  readonly prune: () => Promise<boolean>;
};

export const openRestic = ({ name, repository, passwordFile, tag, program }: ResticConfig): Restic => {
  const common = ["--repo", repository, "--password-file", passwordFile, "--quiet", "--no-cache"];
  const unreadable = (what: string, hint: string): LetheError =>
    new LetheError("BACKUPS_UNREADABLE", `backups ${name}: ${what}`, { hint });
  const json = async (args: readonly string[]): Promise<unknown> => {
    const lines: string[] = [];
    const { code } = await runProgram(program, [...common, "--json", ...args], (line) => lines.push(line));
    if (code === undefined)
      throw unreadable(`${program} cannot be started`, "install restic, or say with `program` where it is");
    if (code !== 0)
      throw unreadable(
        `restic ${args[0]} ended with ${code}`,
        "run it by hand as this account, and see to the repository, its password and locks that are left",
      );
    try {
      return JSON.parse(lines.join("\n")) as unknown;
    } catch {
      return undefined;
    }
  };
  const succeeds = async (...args: readonly string[]): Promise<boolean> =>
    (await runProgram(program, [...common, ...args])).code === 0;
  return {
    snapshots: async (id) => {
      const filter = id === undefined ? (tag === undefined ? [] : ["--tag", tag]) : [id];
      const read = z.array(snapshot).safeParse(await json(["snapshots", "--no-lock", ...filter]));
      if (read.success) return read.data;
      throw unreadable("what restic snapshots said is not understood", "it was made with restic 0.14 to 0.18");
    },
    size: async (id) => {
      // Of a snapshot that cannot be read nothing is known but that it is there: whether it is good is asked later.
      const asked = json(["stats", "--no-lock", "--mode", "restore-size", id]).catch(() => undefined);
      const told = z.object({ total_size: z.number() }).safeParse(await asked);
      return told.success ? told.data.total_size : undefined;
    },
    isWhole: () => succeeds("check", "--no-lock", "--read-data"),
    forget: (id) => succeeds("forget", id),
    prune: () => succeeds("prune", "--max-unused", "0"),
  };
};
