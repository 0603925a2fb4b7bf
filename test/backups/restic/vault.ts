import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ResticConfig } from "#config.ts";

/** A repository of restic in a directory of its own, of the store `shop`. */
export type Vault = {
  readonly directory: string;
  readonly config: ResticConfig;
  /** Runs restic on it; returns what it prints. */
  readonly restic: (...args: readonly string[]) => string;
  /** Makes a snapshot of some bytes so many days before now; returns its id. */
  readonly backup: (days: number, content?: string | Uint8Array) => Promise<string>;
  readonly blobs: () => number;
  /** A program that does the lines of shell for commands that contain a word, and is restic else. */
  readonly wrapped: (word: string, lines: string) => Promise<string>;
  readonly dispose: () => Promise<void>;
};

export const openVault = async (now: string): Promise<Vault> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-restic-"));
  const passwordFile = join(directory, "password");
  await writeFile(passwordFile, "correct horse battery staple\n", { mode: 0o600 });
  const config: ResticConfig = {
    name: "vault",
    kind: "restic",
    store: "shop",
    keepDays: 30,
    repository: join(directory, "repository"),
    passwordFile,
    tag: undefined,
    program: "restic",
  };
  const run = (args: readonly string[], input?: string | Uint8Array): string => {
    const { status, stdout } = spawnSync(
      "restic",
      ["--repo", config.repository, "--password-file", passwordFile, "--no-cache", "--quiet", ...args],
      // A time without a zone is one of the machine's clocks.
      { encoding: "utf8", env: { ...process.env, TZ: "UTC" }, ...(input === undefined ? {} : { input }) },
    );
    if (status !== 0) throw new Error(`restic ${args[0]} ended with ${status}`);
    return stdout;
  };
  const restic = (...args: readonly string[]): string => run(args);
  restic("init");
  return {
    directory,
    config,
    restic,
    backup: async (days, content = `of ${days} days before\n`.repeat(1000)) => {
      const taken = new Date(Date.parse(now) - days * 86_400_000 - 3_600_000);
      const time = taken.toISOString().slice(0, 19).replace("T", " ");
      run(["backup", "--time", time, "--stdin", "--stdin-filename", "dump.sql"], content);
      const made = JSON.parse(restic("snapshots", "--json")) as { id: string; time: string }[];
      return made.find(({ time: at }) => Date.parse(at) === Math.floor(taken.getTime() / 1000) * 1000)?.id ?? "";
    },
    blobs: () => restic("list", "blobs").trim().split("\n").length,
    wrapped: async (word, lines) => {
      const wrapper = join(directory, `wrapper-${randomBytes(4).toString("hex")}`);
      await writeFile(wrapper, `#!/bin/sh\ncase "$*" in *${word}*) ${lines};; *) exec restic "$@";; esac\n`);
      await chmod(wrapper, 0o755);
      return wrapper;
    },
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
};
