import type { Generated } from "kysely";
import type { HoldKind, HoldReason } from "#records/hold.ts";
import type { IdentifierKind } from "#records/request.ts";

/** A legal hold: who placed it, why, and until when. In force until it is released. */
export type HoldTable = {
  id: Generated<number>;
  ref: string;
  /** The case's file reference. */
  matter: string;
  reason: HoldReason;
  kind: HoldKind;
  /** Of kind `request`. */
  request_id: number | null;
  /** Of kinds `rows` and `backups`. */
  store: string | null;
  /** Of kind `rows`. */
  table_name: string | null;
  /** The date or time of a row; null where the whole table is held. */
  clock: string | null;
  /** Of kind `backups`: of which repository, and which backup; null where it is all, or those of a time. */
  repository: string | null;
  backup: string | null;
  /** Of kinds `rows` and `backups`: the first and the last day. */
  from_on: string | null;
  to_on: string | null;
  /** The last day on which it is in force; null: until somebody releases it. */
  until_on: string | null;
  placed_by: string;
  placed_at: string;
  /** Null of one that ended by itself, and of one in force. */
  released_by: string | null;
  released_at: string | null;
};

/** By what the person of a hold of kind `subject` is known, normalised. Deleted with the release. */
export type HoldIdentifierTable = { hold_id: number; kind: IdentifierKind; value: string };

/** Whom such a hold was found to mean, by the key of the root row. Deleted with the release. */
export type HoldSubjectTable = { hold_id: number; store: string; key: string };
