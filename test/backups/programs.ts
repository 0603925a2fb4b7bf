import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { PgBackRestConfig } from "#config.ts";
import { debianBinaries, debianRoot } from "#test/flow/debian-server.ts";

/** Sets the clock of programs that are started with it. */
export const clockLibrary = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

const isThere = (program: string): boolean => spawnSync(program, ["version"]).status === 0;

/** Why tests with pgBackRest cannot run here; undefined when they can. */
export const pgbackrestMissing: string | undefined =
  debianBinaries === undefined || !isThere("pgbackrest") || !existsSync(clockLibrary)
    ? "postgresql, pgbackrest and faketime of the distribution's packages are not all installed"
    : undefined;

/** The same for restic. */
export const resticMissing: string | undefined = isThere("restic") ? undefined : "restic is not installed";

/**
 * A server of S3 over a directory, with versions, uploads in parts and Object Lock. Go makes it, and puts it where it is looked for when it is not on
 * the PATH: `go install github.com/versity/versitygw/cmd/versitygw@v1.8.0`.
 */
export const gatewayProgram: string | undefined = [
  process.env["VERSITYGW"],
  "versitygw",
  join(process.env["GOBIN"] ?? join(process.env["GOPATH"] ?? join(homedir(), "go"), "bin"), "versitygw"),
].find((program) => program !== undefined && spawnSync(program, ["--version"]).status === 0);

/** The same for buckets of S3. */
export const gatewayMissing: string | undefined =
  gatewayProgram === undefined ? "versitygw is not installed" : undefined;

/**
 * Directory of the programs of a PostgreSQL that makes incremental base backups (17 or later): the one that is named, on the PATH, or of the
 * distribution's packages.
 */
export const incrementalBinaries: string | undefined = [
  process.env["LETHE_TEST_POSTGRES_BIN"] ?? "",
  ...(process.env["PATH"] ?? "").split(delimiter),
  ...(existsSync(debianRoot) ? readdirSync(debianRoot).map((version) => join(debianRoot, version, "bin")) : []),
].find((directory) => {
  if (!["initdb", "pg_basebackup", "pg_combinebackup"].every((name) => existsSync(join(directory, name)))) return false;
  const { stdout } = spawnSync(join(directory, "pg_basebackup"), ["--version"], { encoding: "utf8" });
  return Number.parseInt(/\) (\d+)/.exec(stdout)?.[1] ?? "0", 10) >= 17;
});

/** Why tests of incremental base backups cannot run here; undefined when they can. */
export const incrementalMissing: string | undefined =
  incrementalBinaries === undefined
    ? "no PostgreSQL 17 or later with pg_basebackup is installed, of the distribution's packages or on the PATH"
    : undefined;

/** The stanza `demo` of a store `shop`. */
export const stanzaBy = (configFile: string): PgBackRestConfig => ({
  name: "barn",
  kind: "pgbackrest",
  store: "shop",
  keepDays: 30,
  stanza: "demo",
  repo: 1,
  configFile,
  program: "pgbackrest",
});
