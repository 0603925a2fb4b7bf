import pg from "pg";
import { Kysely, PostgresDialect } from "kysely";
import { databaseError } from "#db/database-error.ts";

/** int8 beyond 2^53 would lose digits silently. */
const safeInteger = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("a 64-bit integer does not fit a JavaScript number");
  return value;
};

const isoInstant = (text: string): string =>
  new Date(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00")).toISOString();

const { builtins } = pg.types;

/** Dates stay ISO text and instants ISO text in UTC: no `Date`, no local time zone, anywhere behind the driver. */
const parsers: Partial<Record<number, (text: string) => unknown>> = {
  [builtins.INT8]: safeInteger,
  [builtins.DATE]: (text) => text,
  [builtins.TIMESTAMPTZ]: isoInstant,
};

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    parsers[oid] ?? pg.types.getTypeParser(oid, format)) as pg.CustomTypesConfig["getTypeParser"],
};

export type PoolOptions = {
  readonly url: string;
  readonly max?: number;
  /** Shown in `pg_stat_activity`; never holds personal data. */
  readonly applicationName: string;
  /** What the database is called in messages: `state`, or a store's name. Never the URL, which carries a password. */
  readonly label: string;
  readonly connectTimeoutMs?: number;
};

export type Pool = { readonly label: string; readonly raw: pg.Pool };

/**
 * Connections to one database. The server prints dates as ISO in UTC; an idle connection that breaks is dropped silently, because
 * the next query reports the loss with its context.
 */
export const openPool = (options: PoolOptions): Pool => {
  const raw = new pg.Pool({
    connectionString: options.url,
    max: options.max ?? 4,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    options: "-c datestyle=ISO -c timezone=UTC -c intervalstyle=iso_8601",
    types,
  });
  raw.on("error", () => undefined);
  // Of a connection that is in use too: a server that goes away between two queries would otherwise end our process.
  raw.on("connect", (client) => client.on("error", () => undefined));
  return { label: options.label, raw };
};

export const closePool = (pool: Pool): Promise<void> => pool.raw.end();

/**
 * Runs `work` on one connection of the pool. Errors of the driver come out as `LetheError`s without row values;
 * a connection on which something failed is closed, not returned, so that no session state leaks into later work.
 */
export const withClient = async <T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
  let client: pg.PoolClient;
  try {
    client = await pool.raw.connect();
  } catch (error) {
    throw databaseError(error, pool.label);
  }
  let failed = true;
  try {
    const result = await work(client);
    failed = false;
    return result;
  } catch (error) {
    throw databaseError(error, pool.label);
  } finally {
    client.release(failed);
  }
};

/** Kysely over one connection that the caller holds: for sessions with temporary tables and explicit transactions. */
export const kyselyOn = <DB = unknown>(client: pg.PoolClient): Kysely<DB> => {
  const borrowed = {
    query: client.query.bind(client),
    release: () => undefined,
  } as unknown as pg.PoolClient;
  const pool = { connect: () => Promise.resolve(borrowed), end: () => Promise.resolve(), options: {} };
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
};

/** Kysely over the whole pool. */
export const kyselyOver = <DB>(pool: Pool): Kysely<DB> =>
  new Kysely<DB>({ dialect: new PostgresDialect({ pool: pool.raw }) });
