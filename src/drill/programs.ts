import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { LetheError } from "#lib/errors.ts";

/** Absolute paths of PostgreSQL's programs, all of one directory. */
export type Programs = {
  readonly directory: string;
  readonly initdb: string;
  readonly pg_ctl: string;
  readonly psql: string;
  readonly pg_restore: string;
};

/**
 * The programs of a major version: where the configuration says (`drill.programs`), where distributions put them, or on the PATH.
 *
 * @throws LetheError `DRILL_IMPOSSIBLE`
 */
export const findPrograms = async (major: string, configured: string | undefined): Promise<Programs> => {
  const usual = [`/usr/lib/postgresql/${major}/bin`, `/usr/pgsql-${major}/bin`];
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((directory) => directory !== "");
  for (const directory of configured === undefined ? [...usual, ...path] : [configured]) {
    if (await isThere(join(directory, "initdb"))) return programsIn(directory);
  }
  throw new LetheError("DRILL_IMPOSSIBLE", `the programs of PostgreSQL ${major} are not found`, {
    hint: "install its server and client on this machine, and say where they are: drill: { programs: /usr/lib/postgresql/…/bin }",
  });
};

const programsIn = (directory: string): Programs => ({
  directory,
  initdb: join(directory, "initdb"),
  pg_ctl: join(directory, "pg_ctl"),
  psql: join(directory, "psql"),
  pg_restore: join(directory, "pg_restore"),
});

const isThere = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
