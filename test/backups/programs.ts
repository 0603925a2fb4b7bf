import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { PgBackRestConfig } from "#config.ts";
import { debianBinaries } from "#test/flow/debian-server.ts";

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
