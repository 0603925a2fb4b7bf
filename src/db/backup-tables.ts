import type { Generated } from "kysely";

export type BackupSetTable = {
  repository: string;
  name: string;
  sha256: string;
  bytes: number;
  taken_at: string;
  first_seen_at: string;
  /** Modification time when it was hashed, to hash again only what changed. */
  modified_at: string;
  /** Names of sets without which it cannot be restored from. */
  needs: Generated<readonly string[]>;
  purged_at: string | null;
  /** `listed` → `condemned` (hashed, about to be deleted) → `purged` (read back as gone) or `vanished` (gone without us). */
  state: "listed" | "condemned" | "purged" | "vanished";
  run_id: string | null;
  /** Begun and never completed: when it is gone without us, its row goes as well. */
  unfinished: Generated<boolean>;
};

/** A backup that was restored to try it; times in seconds. */
export type DrillTable = {
  id: Generated<number>;
  repository: string;
  store: string;
  /** Null where there was no good one. */
  name: string | null;
  sha256: string | null;
  outcome: "clean" | "waiting" | "failed";
  code: string | null;
  restored_s: number | null;
  replayed_s: number | null;
  repeated: number;
  waiting: number;
  drilled_at: string;
  run_id: string;
};
