import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import type { z } from "zod";
import { askJson } from "#backups/ask-json.ts";
import { changeBy, type Changed } from "#backups/change-by.ts";
import { listing, stanzaInfo, type Listing, type StanzaInfo } from "#backups/pgbackrest/info.ts";
import type { RestoreInto } from "#backups/repository.ts";
import type { PgBackRestConfig } from "#config.ts";
import { LetheError } from "#lib/errors.ts";
import { eachLine, runProgram } from "#lib/run-program.ts";

/** What is asked of the program; whatever it may be configured to do beside that, it does not. */
export type PgBackRest = {
  /** @throws LetheError `BACKUPS_UNREADABLE` */
  readonly info: () => Promise<StanzaInfo>;
  /** What lies in a path of the repository, and deeper where `recurse`. @throws LetheError `BACKUPS_UNREADABLE` */
  readonly list: (path: string, depth: "top" | "recurse") => Promise<Listing>;
  /** SHA-256 of a file of the repository; undefined where there is none. */
  readonly digest: (path: string) => Promise<string | undefined>;
  /** The labels of all backups of which every file, and those that they use, has the checksum that it was made with. */
  readonly verified: () => Promise<ReadonlySet<string>>;
  /** Restores a backup to where it is consistent, without what can be recovered beyond it: a server that starts there is one of its own. */
  readonly restore: (label: string, into: RestoreInto) => Promise<boolean>;
  /**
   * Expires a backup with what depends on it, or none; and the log before what so many full backups need. Whether it was done. A full backup that is made
   * between counting them and this call makes the log of the oldest go as well: it can then be restored as it was made, and not to times after it.
   */
  readonly expire: (label: string | undefined, fulls: number) => Promise<Changed>;
};

// Its own log would repeat what we do, where this account may not be allowed to write.
const quiet = ["--log-level-console=off", "--log-level-file=off"];

export const openPgBackRest = ({ name, stanza, configFile, repo, program }: PgBackRestConfig): PgBackRest => {
  const named = [
    ...quiet,
    `--stanza=${stanza}`,
    `--repo=${repo}`,
    ...(configFile === undefined ? [] : [`--config=${configFile}`]),
  ];
  const common = [...named, "--log-level-stderr=off"];
  const ask = <T>(command: string, args: readonly string[], schema: z.ZodType<T>): Promise<T> =>
    askJson({ name, program, command, args: [...common, "--output=json", ...args], tried: "pgBackRest 2.45" }, schema);
  return {
    info: async () => {
      const [info] = await ask("info", [], stanzaInfo);
      // 2: the stanza is there, and has no backup yet.
      if (info.status.code === 0 || info.status.code === 2) return info;
      const message = `backups ${name}: pgbackrest info says status ${info.status.code} of stanza ${stanza}`;
      const hint = "see what `pgbackrest info` says of the stanza, and correct the configuration";
      throw new LetheError("BACKUPS_UNREADABLE", message, { hint });
    },
    list: (path, depth) => ask("repo-ls", depth === "top" ? [path] : ["--recurse", path], listing),
    digest: async (path) => {
      const hash = createHash("sha256");
      const read = (output: NodeJS.ReadableStream): Promise<void> => pipeline(output, hash);
      const { code } = await runProgram(program, ["repo-get", ...common, path], { read });
      return code === 0 ? hash.digest("hex") : undefined;
    },
    verified: async () => {
      const valid = new Set<string>();
      const read = eachLine((line) => {
        const { label, status } = /^\s*backup: (?<label>\S+), status: (?<status>[^,]+)/.exec(line)?.groups ?? {};
        if (label !== undefined && status === "valid") valid.add(label);
      });
      // It ends with 0 whatever it finds, and says nothing of what is valid unless asked to be verbose.
      const { code } = await runProgram(program, ["verify", ...common, "--output=text", "--verbose"], { read });
      return code === 0 ? valid : new Set();
    },
    restore: async (label, { data, files, signal }) => {
      const args = [
        "restore",
        ...common,
        `--set=${label}`,
        `--pg1-path=${data}`,
        `--tablespace-map-all=${files}`,
        "--type=immediate",
        "--target-action=promote",
        "--archive-mode=off",
        // Whatever the configuration says of real restores: where they put things, what they overwrite, and what the server does once it is there.
        "--no-link-all",
        "--no-delta",
        "--reset-link-map",
        "--reset-tablespace-map",
        "--reset-recovery-option",
        "--reset-db-include",
        "--reset-db-exclude",
      ];
      return (await runProgram(program, args, { signal })).code === 0;
    },
    expire: (label, fulls) =>
      changeBy(program, [
        "expire",
        ...named,
        "--log-level-stderr=error",
        ...(label === undefined ? [] : [`--set=${label}`]),
        // Nothing but what it is told to goes, whatever the configuration keeps; of the log what is older than the oldest full backup.
        `--repo${repo}-retention-full-type=count`,
        `--repo${repo}-retention-full=9999999`,
        `--repo${repo}-retention-diff=9999999`,
        `--repo${repo}-retention-archive-type=full`,
        `--repo${repo}-retention-archive=${Math.max(fulls, 1)}`,
      ]),
  };
};
