import { join } from "node:path";
import type { Logger } from "pino";
import { loadConfig } from "#config-file.ts";
import type { Config, Location } from "#config.ts";
import { openColumnClient } from "#clickhouse/client.ts";
import type { ColumnStore, Context, Store } from "#context.ts";
import { type EmbeddedServer, startEmbedded } from "#db/embedded.ts";
import { closePool, openPool } from "#db/pool.ts";
import { openState } from "#db/state.ts";
import { dayIn, type Clock } from "#lib/clock.ts";
import { loadKeys } from "#lib/keys.ts";
import type { Progress } from "#lib/progress.ts";
import type { Random } from "#lib/random.ts";
import { loadPolicy } from "#policy/load.ts";

/** What the command decides; the rest of a context follows from the configuration. */
export type Surroundings = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

export type OpenContext = Context & AsyncDisposable;

export type OpenOptions = Surroundings & {
  readonly configFile: string;
  /** Fills `${LETHE_…}` in the configuration. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * Opens everything that a command works with; dispose of it to close everything again. Throws what `loadConfig`,
 * `loadKeys` and `loadPolicy` throw, `EMBEDDED_FAILED`, and `DATABASE_…` when Lethe's own database does not answer. A
 * store that does not answer stops nothing here: it fails in the stage that needs it, and the other stores go on.
 */
export const openContext = async ({ configFile, env, ...surroundings }: OpenOptions): Promise<OpenContext> =>
  contextFor(await loadConfig(configFile, env), surroundings);

/** The same for a configuration that has been read already. */
export const contextFor = async (config: Config, surroundings: Surroundings): Promise<OpenContext> => {
  const keys = await loadKeys(config.keys);
  const { controller } = config;
  const holder = { controller, on: dayIn(surroundings.clock.now(), controller.timeZone) };
  const policed = async <S extends { readonly policy: string }>(store: S) => ({
    store,
    policy: await loadPolicy(store.policy, holder),
  });
  const policies = await Promise.all(config.stores.map(policed));
  const columnPolicies = await Promise.all(config.columnStores.map(policed));
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const server = await embeddedFor(config);
    if (server !== undefined) closers.push(() => server.stop());
    const state = await openState(await urlOf(config.state, server));
    closers.push(() => closePool(state.pool));
    const stores: Store[] = [];
    for (const { store, policy } of policies) {
      const url = await urlOf(store.location, server);
      const pool = openPool({ url, applicationName: "lethe", label: store.name });
      closers.push(() => closePool(pool));
      stores.push({ name: store.name, pool, policy, config: store });
    }
    const columnStores = columnPolicies.map(({ store, policy }): ColumnStore => {
      const { name, location, statementTimeoutMs } = store;
      const client = openColumnClient({ location, label: name, statementTimeoutMs });
      closers.push(() => client.close());
      return { name, client, policy, config: store };
    });
    return { ...surroundings, config, keys, state, stores, columnStores, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** Where the embedded PostgreSQL of a configuration keeps its data. */
export const embeddedDirectory = (config: { readonly directory: string }): string => join(config.directory, ".lethe");

const embeddedFor = async (config: Config): Promise<EmbeddedServer | undefined> => {
  const locations = [config.state, ...config.stores.map((store) => store.location)];
  return locations.some((location) => "embedded" in location) ? startEmbedded(embeddedDirectory(config)) : undefined;
};

const urlOf = async (location: Location, server: EmbeddedServer | undefined): Promise<string> => {
  if ("url" in location) return location.url;
  if (server === undefined) throw new TypeError("an embedded location without a server");
  await server.ensureDatabase(location.embedded);
  return server.url(location.embedded);
};
