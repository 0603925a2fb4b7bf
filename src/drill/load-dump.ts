import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { decompressorFor } from "#backups/restorable.ts";
import { closePool, type Pool } from "#db/pool.ts";
import type { Programs } from "#drill/programs.ts";
import type { ScratchServer } from "#drill/server.ts";
import { LetheError } from "#lib/errors.ts";
import { eachLine, runProgram } from "#lib/run-program.ts";
import { isCode } from "#lib/errno.ts";

/**
 * Restores a dump of pg_dump or pg_dumpall, compressed or not, into the database, as its user would. The first error ends it, but of a dump of a whole
 * cluster: that wants to create roles and databases which every cluster has, and no other error is let pass. `tablespaces`: the live cluster has some.
 *
 * @throws LetheError `DRILL_FAILED`
 */
export const loadDump = async (
  file: string,
  {
    database,
    programs,
    server,
    tablespaces,
    signal,
  }: {
    readonly database: string;
    readonly programs: Programs;
    readonly server: ScratchServer;
    readonly tablespaces: boolean;
    readonly signal: AbortSignal;
  },
): Promise<void> => {
  const { packed, head } = await look(file);
  const where = [`--host=${server.socket}`, `--port=${server.port}`, `--username=${server.superuser}`, "--no-password"];
  const isArchive = head.startsWith("PGDMP");
  const isCluster = /^-- PostgreSQL database cluster dump/m.test(head);
  if (isCluster && tablespaces) {
    throw new LetheError(
      "DRILL_IMPOSSIBLE",
      "a dump of pg_dumpall would make tablespaces where the live server has them",
      {
        hint: "what it puts there a drill could not destroy: restore it by hand to try it, or dump each database by pg_dump",
      },
    );
  }
  const [program, args] = isArchive
    ? [programs.pg_restore, [...where, `--dbname=${database}`, "--exit-on-error"]]
    : [
        programs.psql,
        [
          ...where,
          `--dbname=${database}`,
          "-X",
          "-q",
          "-v",
          `ON_ERROR_STOP=${isCluster ? 0 : 1}`,
          "-v",
          "VERBOSITY=sqlstate",
        ],
      ];
  let isCut = false;
  const errors = new Set<string>();
  const { code } = await runProgram(program, args, {
    bare: true,
    signal,
    // Plain SQL can hold commands for psql itself, which runs programs: not as root.
    as: server.account.kind === "lowered" ? server.account : undefined,
    readErrors: eachLine((line) => {
      const state = /ERROR: +(?<state>[0-9A-Z]{5})$/.exec(line)?.groups?.["state"];
      if (state !== undefined) errors.add(state);
    }),
    write: async (input) => {
      const bytes = createReadStream(file, { highWaterMark: 2 ** 20 });
      const unpack = decompressorFor(packed);
      try {
        await (unpack === undefined ? pipeline(bytes, input) : pipeline(bytes, unpack, input));
      } catch (error) {
        // What the program does not read says how it ends; what we cannot read looks to it like the dump's end, with which it is content.
        isCut = !hasClosed(error);
      }
    },
  });
  if (code === 0 && !isCut && [...errors].every((state) => isCluster && ofEveryCluster.has(state))) return;
  throw new LetheError("DRILL_FAILED", "the dump cannot be read back into an empty database", {
    hint: `run ${isArchive ? "pg_restore" : "psql"} on it by hand to see why; a dump with --clean wants --if-exists as well`,
  });
};

/** A role, or a database, that is there already; the one that is in use, which cannot be dropped before. */
const ofEveryCluster: ReadonlySet<string> = new Set(["42710", "42P04", "55006"]);

const hasClosed = (error: unknown): boolean => isCode(error, "EPIPE", "ERR_STREAM_PREMATURE_CLOSE");

type Look = { readonly packed: Buffer; readonly head: string };

/** The first bytes as they are, and unpacked. */
const look = async (file: string): Promise<Look> => {
  await using handle = await open(file);
  const packed = Buffer.alloc(4);
  await handle.read(packed, 0, packed.length, 0);
  const unpack = decompressorFor(packed);
  let head = "";
  const bytes = createReadStream(file, { end: 2 ** 16 });
  const take = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      head += chunk.toString("latin1");
      if (head.length > 200) break;
    }
  };
  // Cut off, its end is no end: what came before is all that is asked for.
  await (unpack === undefined ? pipeline(bytes, take) : pipeline(bytes, unpack, take)).catch(() => undefined);
  return { packed, head };
};

/** An empty database of the store's name, with the roles that its dump names as owners and grantees: without their passwords, and nobody logs in. */
export const makeDatabase = async (live: Pool, server: ScratchServer, database: string): Promise<void> => {
  const { rows } = await live.raw.query<{ role: string }>(
    "select rolname as role from pg_roles where rolname !~ '^pg_' and oid <> 10",
  );
  const pool = server.pool("postgres", "drill");
  try {
    for (const { role } of rows) await pool.raw.query(`create role ${pg.escapeIdentifier(role)} nologin`);
    if (database !== "postgres") {
      await pool.raw.query(`create database ${pg.escapeIdentifier(database)} template template0`);
    }
  } finally {
    await closePool(pool);
  }
};
