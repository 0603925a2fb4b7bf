import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Temporal } from "temporal-polyfill";
import type { BackupConfig, Config, StoreConfig } from "#config.ts";
import type { Context, State } from "#context.ts";
import { closePool } from "#db/pool.ts";
import { openState } from "#db/state.ts";
import { type Clock, clockFrom } from "#lib/clock.ts";
import { generateKeys, type KeyPaths } from "#lib/keys.ts";
import { createLogger } from "#lib/log.ts";
import { silentProgress } from "#lib/progress.ts";
import { systemRandom } from "#lib/random.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

export type TestContextOptions = {
  /** SQL that makes the store `shop`; without it there is no store. */
  readonly schema?: string;
  /** Names a database that the schema is run in once, for all tests that begin with it. */
  readonly template?: string;
  /** YAML of the policy for it. */
  readonly policy?: string;
  /** Files beside it, by their path. */
  readonly beside?: Readonly<Record<string, string>>;
  /** YAML of the policy for a store of ClickHouse, `events`, in this process. */
  readonly columns?: string;
  /** Where that store is instead: a server's URL with the database `web`. */
  readonly columnsUrl?: string;
  readonly config?: Partial<Pick<Config, "controller" | "schedule" | "warnDays">>;
  /** Public keys: then everybody is exported to `exports/` before being erased. */
  readonly recipients?: readonly string[];
  readonly store?: Partial<Omit<StoreConfig, "name" | "location" | "policy">>;
  /** Paths are given relative to the test's directory. */
  readonly backups?: readonly BackupConfig[];
  /** ISO instant at which the clock starts; it goes on ticking. */
  readonly now?: string;
};

export type TestContext = {
  readonly context: Context;
  /** A fresh directory with `keys/`, the policy, and room for reports and backups. */
  readonly directory: string;
  readonly keys: KeyPaths;
  /** The database of the store. */
  readonly store: TestDatabase;
  /** Lethe's own. */
  readonly state: TestDatabase;
  /** The same context at another time: `at("2026-12-01T02:00:00Z")`. */
  readonly at: (now: string) => Context;
  /** Log lines so far. */
  readonly logged: () => string;
  readonly abort: () => void;
  readonly dispose: () => Promise<void>;
};

const berlin: Config["controller"] = {
  name: "Shop GmbH",
  country: "DE",
  region: "BE",
  dpo: "dpo@shop.example",
  regime: undefined,
  sector: undefined,
  fiscalYearBegins: "01-01",
  timeZone: "Europe/Berlin",
};

/** An open `Context` on fresh databases of the test run's server: real tables, no mocks. Dispose of it in `afterEach`. */
export const testContext = async (options: TestContextOptions = {}): Promise<TestContext> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-context-"));
  const paths = await generateKeys(join(directory, "keys"));
  const [state, store] = await Promise.all([
    stateDatabase(),
    createDatabase(options.schema ?? "", options.template === undefined ? {} : { template: options.template }),
  ]);
  const policyFile = join(directory, "policy.yaml");
  if (options.policy !== undefined) await writeFile(policyFile, options.policy);
  for (const [file, text] of Object.entries(options.beside ?? {})) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), text);
  }
  if (options.columns !== undefined) await writeFile(join(directory, "events.yaml"), options.columns);
  const config = configFor(directory, options, { state: state.url, store: store.url, policy: policyFile, keys: paths });
  const lines: string[] = [];
  const stop = new AbortController();
  // Imported late, so that the tests of a module below do not load the parsers of the modules above.
  const { contextFor } = await import("#open-context.ts");
  const context = await contextFor(config, {
    clock: clockAt(options.now ?? "2026-11-02T02:00:00Z"),
    random: systemRandom,
    log: createLogger({ level: "debug", pretty: false, destination: collector(lines) }),
    progress: silentProgress,
    signal: stop.signal,
  });
  return {
    context,
    directory,
    keys: paths,
    store,
    state,
    at: (now) => ({ ...context, clock: clockAt(now) }),
    logged: () => lines.join(""),
    abort: () => stop.abort(),
    dispose: async () => {
      await context[Symbol.asyncDispose]();
      await Promise.all([state.drop(), store.drop(), rm(directory, { recursive: true, force: true })]);
    },
  };
};

/** A fresh database with Lethe's own schema, copied from one that was migrated once. */
export const stateDatabase = (): Promise<TestDatabase> =>
  createDatabase("", {
    template: "state",
    build: async (url) => {
      const { pool } = await openState(url);
      await closePool(pool);
    },
  });

/** `State` on such a database, for tests that need nothing else. */
export const testState = async (): Promise<
  State & { readonly database: TestDatabase; readonly dispose: () => Promise<void> }
> => {
  const database = await stateDatabase();
  const state = await openState(database.url);
  return {
    ...state,
    database,
    dispose: async () => {
      await closePool(state.pool);
      await database.drop();
    },
  };
};

const clockAt = (now: string): Clock => clockFrom(Temporal.Instant.from(now));

type Places = { readonly state: string; readonly store: string; readonly policy: string; readonly keys: KeyPaths };

const configFor = (directory: string, options: TestContextOptions, places: Places): Config => ({
  file: join(directory, "lethe.yaml"),
  directory,
  controller: berlin,
  schedule: { nightly: "0 2 * * *" },
  warnDays: 7,
  drill: { programs: undefined, directory: undefined },
  ...options.config,
  state: { url: places.state },
  stores:
    options.policy === undefined
      ? []
      : [
          {
            schemas: ["public"],
            batch: 1000,
            expireRows: 1_000_000,
            lockTimeoutMs: 2000,
            statementTimeoutMs: 60_000,
            ...options.store,
            name: "shop",
            location: { url: places.store },
            policy: places.policy,
          },
        ],
  columnStores:
    options.columns === undefined
      ? []
      : [
          {
            name: "events",
            location: {
              ...(options.columnsUrl === undefined
                ? { directory: join(directory, "clickhouse") }
                : { url: options.columnsUrl }),
              database: "web",
            },
            policy: join(directory, "events.yaml"),
            batch: 1000,
            statementTimeoutMs: 60_000,
            partsTimeoutMs: 30_000,
          },
        ],
  backups: (options.backups ?? []).map((backup) =>
    backup.kind === "directory" ? { ...backup, path: join(directory, backup.path) } : backup,
  ),
  reports: { directory: join(directory, "reports") },
  export: options.recipients && { directory: join(directory, "exports"), recipients: options.recipients },
  keys: { signing: places.keys.signing, pseudonym: places.keys.pseudonym },
});

const collector = (lines: string[]): NodeJS.WritableStream =>
  ({ write: (line: string) => lines.push(line) > 0 }) as unknown as NodeJS.WritableStream;
