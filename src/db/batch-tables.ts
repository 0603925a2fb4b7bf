import type { JSONColumnType } from "kysely";

export type PlanTable = {
  hash: string;
  shape: string;
  store: string;
  run_id: string | null;
  frozen_at: string;
  body: string;
};

export type BatchTable = {
  id: string;
  run_id: string;
  store: string;
  plan_hash: string;
  /** `frozen`: saved, not known to be done; `committed`: the store's journal was read back; `abandoned`: planned again; `lost`: undone by a restore. */
  state: "frozen" | "committed" | "abandoned" | "lost";
  requests: number;
  /** As the store's journal has it. */
  committed_at: string | null;
};

/**
 * Whose tables in a store of ClickHouse begin with an id: what a batch will have done, from before it changes anything until it is recorded, and
 * how far it is; without `prepared` something of a batch that never changed anything, or only asked.
 */
export type ColumnBatchTable = {
  id: string;
  store: string;
  prepared: JSONColumnType<object> | null;
  progress: JSONColumnType<object> | null;
};
