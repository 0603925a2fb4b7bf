import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { Temporal } from "temporal-polyfill";
import type { DirectoryConfig } from "#config.ts";
import type { Context } from "#context.ts";
import type { Run } from "#records/run.ts";
import { type TestContext, testContext } from "#test/support/context.ts";

export const run = promisify(execFile);

/** What pg_dump writes as plain SQL, of a table with one row. */
export const plainDump = (marker: string): string =>
  `--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE t (a text);\nCOPY t (a) FROM stdin;\n${marker}\n\\.\n\n` +
  "--\n-- PostgreSQL database dump complete\n--\n\n";

export const goodGzip = (marker: string): Buffer => gzipSync(plainDump(marker));

export const writeSet = async (
  directory: string,
  name: string,
  content: string | Uint8Array,
  modified: string,
): Promise<void> => {
  await writeFile(join(directory, name), content);
  await setModified(directory, name, modified);
};

export const setModified = async (directory: string, name: string, modified: string): Promise<void> => {
  const seconds = Temporal.Instant.from(modified).epochMilliseconds / 1_000;
  await utimes(join(directory, name), seconds, seconds);
};

export const writeSideCar = async (directory: string, name: string): Promise<void> => {
  const digest = createHash("sha256")
    .update(await readFile(join(directory, name)))
    .digest("hex");
  await writeFile(join(directory, `${name}.sha256`), `${digest}  ${name}\n`);
};

/** `days` nightly dumps, the last of them `until`'s, taken at two o'clock UTC and finished ten minutes later. */
export const writeNights = async (directory: string, days: number, until: string): Promise<string[]> => {
  const last = Temporal.PlainDate.from(until);
  const names: string[] = [];
  for (let back = days - 1; back >= 0; back -= 1) {
    const day = last.subtract({ days: back });
    const name = `shop-${day.toString()}T0200Z.sql.gz`;
    await writeSet(directory, name, goodGzip(day.toString()), `${day.toString()}T02:10:00Z`);
    names.push(name);
  }
  return names;
};

export type Scene = TestContext & {
  readonly path: string;
  readonly backup: DirectoryConfig;
  /** A context at another time whose configuration has the repository. */
  readonly on: (now: string) => Context;
  readonly newRun: (id: string) => Promise<Run>;
  /** Bodies of the ledger's entries of these kinds, in order. */
  readonly entries: (...kinds: string[]) => Promise<Record<string, unknown>[]>;
  readonly states: () => Promise<Record<string, string>>;
};

/** A fresh state database, an empty repository `nightly` of the store `shop`, 30 days. */
export const scene = async (now: string): Promise<Scene> => {
  const backup: DirectoryConfig = { name: "nightly", kind: "directory", store: "shop", path: "backups", keepDays: 30 };
  const base = await testContext({ backups: [backup], now });
  const configured: DirectoryConfig = { ...backup, path: join(base.directory, backup.path) };
  await mkdir(configured.path);
  const store = {
    name: "shop",
    location: { url: base.store.url },
    policy: join(base.directory, "policy.yaml"),
    schemas: ["public"],
    batch: 100,
    expireRows: 1,
    lockTimeoutMs: 1_000,
    statementTimeoutMs: 10_000,
  };
  const withStore = (context: Context): Context => ({ ...context, config: { ...context.config, stores: [store] } });
  return {
    ...base,
    context: withStore(base.context),
    path: configured.path,
    backup: configured,
    on: (at) => withStore(base.at(at)),
    newRun: async (id) => {
      const startedAt = Temporal.Instant.from(now);
      await base.state.query(
        `insert into lethe.run (id, job, started_at, ledger_from)
         select $1, 'backups', $2, count(*) from lethe.ledger_entry on conflict do nothing`,
        [id, startedAt.toString()],
      );
      return { id, job: "backups", startedAt };
    },
    entries: async (...kinds) => {
      const rows = await base.state.query<{ body: string }>(
        "select body from lethe.ledger_entry where kind = any($1) order by index",
        [kinds],
      );
      return rows.map(({ body }) => {
        const { at: _at, run: _run, ...event } = JSON.parse(body) as Record<string, unknown>;
        return event;
      });
    },
    states: async () => {
      const rows = await base.state.query<{ name: string; state: string }>(
        "select name, state from lethe.backup_set order by name, first_seen_at",
      );
      return Object.fromEntries(rows.map(({ name, state }) => [name, state]));
    },
  };
};
