import { createHash } from "node:crypto";
import { z } from "zod";
import type { PgBackRestConfig } from "#config.ts";
import { listing, stanzaInfo, type Listing, type StanzaInfo } from "#backups/pgbackrest/info.ts";
import { LetheError } from "#lib/errors.ts";
import { runProgram } from "#lib/run-program.ts";

/** What is asked of the program; whatever it may be configured to do beside that, it does not. */
export type PgBackRest = {
  /** @throws LetheError `BACKUPS_UNREADABLE` */
  readonly info: () => Promise<StanzaInfo>;
  /** What lies under a path of the repository. @throws LetheError `BACKUPS_UNREADABLE` */
  readonly list: (path: string) => Promise<Listing>;
  /** The same without what lies deeper. */
  readonly listTop: (path: string) => Promise<Listing>;
  /** SHA-256 of a file of the repository; undefined where there is none. */
  readonly digest: (path: string) => Promise<string | undefined>;
  /** The labels of all backups of which every file, and those that they use, has the checksum that it was made with. */
  readonly verified: () => Promise<ReadonlySet<string>>;
  /** Expires a backup with what depends on it, or none; and the log before what `fulls` full backups need. Whether it was done. */
  readonly expire: (label: string | undefined, fulls: number) => Promise<boolean>;
};

// Its own log would repeat what we do, where this account may not be allowed to write.
const quiet = ["--log-level-console=off", "--log-level-stderr=off", "--log-level-file=off"];

export const openPgBackRest = ({ name, stanza, configFile, repo, program }: PgBackRestConfig): PgBackRest => {
  const common = [
    ...quiet,
    `--stanza=${stanza}`,
    `--repo=${repo}`,
    ...(configFile === undefined ? [] : [`--config=${configFile}`]),
  ];
  const unreadable = (what: string, hint: string): LetheError =>
    new LetheError("BACKUPS_UNREADABLE", `backups ${name}: ${what}`, { hint });
  const ask = async <T>(command: string, args: readonly string[], schema: z.ZodType<T>): Promise<T> => {
    const lines: string[] = [];
    const { code } = await runProgram(program, [command, ...common, "--output=json", ...args], (line) =>
      lines.push(line),
    );
    if (code === undefined)
      throw unreadable(`${program} cannot be started`, "install pgBackRest, or say with `program` where it is");
    if (code !== 0)
      throw unreadable(
        `pgbackrest ${command} ended with ${code}`,
        `run it by hand as this account: pgbackrest ${command} --stanza=${stanza} --repo=${repo}`,
      );
    const read = schema.safeParse(fromJson(lines.join("\n")));
    if (read.success) return read.data;
    throw unreadable(
      `what pgbackrest ${command} said is not understood`,
      "it was made with pgBackRest 2.45 to 2.59; use one of these",
    );
  };
  return {
    info: async () => {
      const [info] = await ask("info", [], stanzaInfo);
      // 2: the stanza is there, and has no backup yet.
      if (info.status.code === 0 || info.status.code === 2) return info;
      throw unreadable(
        `pgbackrest info says status ${info.status.code} of stanza ${stanza}`,
        "see what `pgbackrest info` says of the stanza, and correct the configuration",
      );
    },
    list: (path) => ask("repo-ls", ["--recurse", path], listing),
    listTop: (path) => ask("repo-ls", [path], listing),
    digest: async (path) => {
      const hash = createHash("sha256");
      const { code } = await runProgram(program, ["repo-get", ...common, path], (line) => hash.update(`${line}\n`));
      return code === 0 ? hash.digest("hex") : undefined;
    },
    verified: async () => {
      const valid = new Set<string>();
      // It ends with 0 whatever it finds, and says nothing of what is valid unless asked to be verbose.
      const { code } = await runProgram(program, ["verify", ...common, "--output=text", "--verbose"], (line) => {
        const { label, status } = /^\s*backup: (?<label>\S+), status: (?<status>[^,]+)/.exec(line)?.groups ?? {};
        if (label !== undefined && status === "valid") valid.add(label);
      });
      return code === 0 ? valid : new Set();
    },
    expire: async (label, fulls) => {
      const { code } = await runProgram(program, [
        "expire",
        ...common,
        ...(label === undefined ? [] : [`--set=${label}`]),
        // Nothing but what it is told to goes, whatever the configuration keeps; of the log what is older than the oldest full backup.
        `--repo${repo}-retention-full-type=count`,
        `--repo${repo}-retention-full=9999999`,
        `--repo${repo}-retention-diff=9999999`,
        `--repo${repo}-retention-archive-type=full`,
        `--repo${repo}-retention-archive=${Math.max(fulls, 1)}`,
      ]);
      return code === 0;
    },
  };
};

const fromJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
