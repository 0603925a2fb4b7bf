import type { Kysely } from "kysely";
import type { KeyObject } from "node:crypto";
import type { Logger } from "pino";
import type { ColumnClient } from "#clickhouse/client.ts";
import type { ColumnStoreConfig, Config, StoreConfig } from "#config.ts";
import type { Pool } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";
import type { Clock } from "#lib/clock.ts";
import type { Progress } from "#lib/progress.ts";
import type { Random } from "#lib/random.ts";
import type { Policy } from "#policy/policy.ts";

/** Ed25519 for reports and checkpoints; HMAC for suppression entries and for the names of people who decide. */
export type Keys = {
  readonly signing: KeyObject;
  /** First 16 hexadecimal digits of the SHA-256 of the public key's SPKI form. */
  readonly signingId: string;
  readonly pseudonym: KeyObject;
  readonly pseudonymId: string;
};

/** A database we act on, with the policy for it. */
export type Store = {
  readonly name: string;
  readonly pool: Pool;
  readonly policy: Policy;
  readonly config: StoreConfig;
};

/** A database of ClickHouse, with the policy for it. */
export type ColumnStore = {
  readonly name: string;
  readonly client: ColumnClient;
  readonly policy: Policy;
  readonly config: ColumnStoreConfig;
};

/** Lethe's own database. */
export type State = { readonly pool: Pool; readonly db: Kysely<StateDb> };

/** Everything that a stage may touch, handed down from the command: no stage reaches for a global (I13). */
export type Context = {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: Keys;
  readonly log: Logger;
  readonly progress: Progress;
  readonly state: State;
  readonly stores: readonly Store[];
  readonly columnStores: readonly ColumnStore[];
  /** The restore of the only store above whose erasures are repeated; else what people ask for is worked on. */
  readonly restore?: number;
  /** Aborted by SIGTERM and SIGINT: finish or roll back the transaction at hand, then stop. */
  readonly signal: AbortSignal;
};

/** Of whatever kind: for what only names stores, or asks for their rules. */
export const everyStore = ({
  stores,
  columnStores,
}: Pick<Context, "stores" | "columnStores">): readonly Pick<Store, "name" | "policy">[] => [...stores, ...columnStores];
