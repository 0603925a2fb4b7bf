import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type pg from "pg";
import { readCatalog } from "#catalog/read.ts";
import type { Catalog } from "#catalog/catalog.ts";
import type { Store } from "#context.ts";
import { databaseError } from "#db/database-error.ts";
import { journalMigrations } from "#db/journal.ts";
import { keepKnownNames } from "#db/known-names.ts";
import { migrate } from "#db/migrate.ts";
import { kyselyOn, kyselyOver, withClient } from "#db/pool.ts";
import { LetheError } from "#lib/errors.ts";

/** One connection to a store for as long as a job works on it. */
export type StoreSession = { readonly store: Store; readonly client: pg.PoolClient; readonly db: Kysely<unknown> };

const oldestServer = 140_000;

/** Makes the journal where there is none yet. Planning does without: it leaves no trace in a store. */
export const assureJournal = (store: Store): Promise<void> =>
  withClient(store.pool, () => migrate(kyselyOver(store.pool), store.name, journalMigrations));

export const withStoreSession = <T>(store: Store, work: (session: StoreSession) => Promise<T>): Promise<T> =>
  withClient(store.pool, async (client) => {
    // `off` makes PostgreSQL refuse a query whose rows a row-level policy would hide, instead of hiding them.
    await client.query("set row_security = off");
    // Also between the transactions: making the scope tables waits for a table that somebody has locked as a whole (I15).
    await client.query(`set lock_timeout = ${store.config.lockTimeoutMs}`);
    // The connection may have served another shape, whose scope tables look different.
    await client.query("discard temp");
    return work({ store, client, db: kyselyOn(client) });
  });

/** Number of the advisory lock in a store that whoever works on it holds: "lethes" in ASCII. */
const storeLock = 0x6c6574686573;

const pollMs = 100;

/**
 * Runs `work` while no other runner works on the store (I14): whoever comes second waits, and then finds nothing left to do.
 * The lock belongs to the session, so it is gone exactly when a batch of a runner that died can no longer commit. Does
 * nothing when `signal` is aborted first.
 */
export const alone = async (session: StoreSession, signal: AbortSignal, work: () => Promise<void>): Promise<void> => {
  while (!signal.aborted) {
    const { rows } = await session.client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [
      storeLock,
    ]);
    if (rows[0]?.locked !== true) {
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
      continue;
    }
    await work();
    // A connection on which something failed is closed, which unlocks too.
    await session.client.query("select pg_advisory_unlock($1)", [storeLock]);
    return;
  }
};

export const catalogOf = async ({ store, client }: StoreSession): Promise<Catalog> => {
  const catalog = await readCatalog(client, { store: store.name, schemas: store.config.schemas });
  if (catalog.serverVersion < oldestServer) {
    throw new LetheError("STORE_UNSUPPORTED", `store ${store.name} runs a PostgreSQL older than 14`, {
      hint: "upgrade the server; PostgreSQL 13 and older get no security fixes",
    });
  }
  return catalog;
};

export type TransactionMode = "read-only" | "read-write";

/**
 * One transaction on a repeatable snapshot, with the store's timeouts (I15). Rolls back on any error; the error comes out as a
 * `LetheError` whose cause is the driver's.
 */
export const inTransaction = <T>(session: StoreSession, mode: TransactionMode, work: () => Promise<T>): Promise<T> =>
  transact(session, mode, "commit", work);

/** The same, undone at the end: temporary tables may be made and filled, and nothing of them stays. */
export const inUndoneTransaction = <T>(session: StoreSession, work: () => Promise<T>): Promise<T> =>
  transact(session, "read-write", "rollback", work);

const transact = async <T>(
  { store, client }: StoreSession,
  mode: TransactionMode,
  end: "commit" | "rollback",
  work: () => Promise<T>,
): Promise<T> => {
  try {
    await client.query(`begin isolation level repeatable read ${mode === "read-only" ? "read only" : "read write"}`);
    await client.query(`set local lock_timeout = ${store.config.lockTimeoutMs}`);
    await client.query(`set local statement_timeout = ${store.config.statementTimeoutMs}`);
    // A plan is saved in Lethe's own database in between, where somebody may be writing to the ledger.
    await client.query("set local idle_in_transaction_session_timeout = 0");
    const result = await work();
    await client.query(end);
    return result;
  } catch (error) {
    // On a broken connection the server rolls back by itself.
    await client.query("rollback").catch(() => undefined);
    await keepKnownNames(client, error);
    throw databaseError(error, store.name);
  }
};
