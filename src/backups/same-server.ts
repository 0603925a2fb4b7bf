import type { BackupConfig } from "#config.ts";
import type { State, Store } from "#context.ts";
import type { BackupFinding } from "#backups/repository.ts";
import { withClient, type Pool } from "#db/pool.ts";

/**
 * Whether a restore takes Lethe's own database back along with the store, because both lie on one server and the repository holds whole servers: with what
 * Lethe knows of who was erased since, who would be recognised is lost.
 */
export const sameServerFindings = async (
  { state, stores }: { readonly state: Pick<State, "pool">; readonly stores: readonly Pick<Store, "name" | "pool">[] },
  config: BackupConfig,
): Promise<readonly BackupFinding[]> => {
  const store = stores.find(({ name }) => name === config.store);
  if (store === undefined || !holdsServers(config)) return [];
  const ours = await serverOf(state.pool);
  // The backups of a store that is down are looked at most of all: of its server nothing is known then.
  const theirs = await serverOf(store.pool).catch(() => undefined);
  if (theirs !== ours) return [];
  return [
    {
      code: "STATE_ON_STORE",
      message: `Lethe's own database is on the server of store ${config.store}: what restores the one takes the other back too, with what it knows of who was erased since`,
      hint: "move it to a server of its own (`pg_dump`, then `state: { url: … }`), and back that up apart",
    },
  ];
};

const holdsServers = (config: BackupConfig): boolean =>
  config.kind === "pgbackrest" || (config.kind === "directory" && config.wal !== undefined);

/** What tells a server from all others that run, copies of it too. */
const serverOf = (pool: Pool): Promise<string | undefined> =>
  withClient(pool, async (client) => {
    const { rows } = await client.query<{ server: string }>(
      "select system_identifier || ' ' || pg_postmaster_start_time() as server from pg_control_system()",
    );
    return rows[0]?.server;
  });
