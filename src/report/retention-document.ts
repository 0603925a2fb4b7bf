import { z } from "zod";
import { exceptionLetters } from "#records/exception.ts";
import { holdKinds, holdReasons } from "#records/hold.ts";

const count = z.int().nonnegative();
const day = z.iso.date();
const instant = z.iso.datetime();

/** A store that was restored, which may serve once `released`: the requests that repeat what the restore undid, by what became of them. */
export const restore = z.strictObject({
  store: z.string(),
  asOf: instant,
  noticed: instant,
  batches: count,
  repeated: count,
  refused: count,
  open: count,
  released: instant.nullable(),
});

const retentionRule = z.strictObject({
  class: z.string(),
  basis: z.string(),
  period: z.string(),
  anchor: z.string(),
  yearBegins: z.string(),
  exception: z.enum(exceptionLetters),
});

/** A retention class that says something else than when a night last looked; what is kept follows it. */
export const revision = z.strictObject({
  store: z.string(),
  table: z.string(),
  was: retentionRule,
  is: retentionRule,
  requests: count,
});

/** Old rows that went, whoever they were about: `treatment` is what became of them. */
export const expiredItem = z.strictObject({
  store: z.string(),
  table: z.string(),
  treatment: z.enum(["erase", "anonymise"]),
  rows: count,
  class: z.string().nullable(),
  basis: z.string(),
  through: day,
  first: day,
  last: day,
});

/**
 * What a search after it found: rows that are due and wait for something, and rows without a clock, which stay; whether an index finds old rows,
 * and the statements that make one where there is none and the table is large.
 */
export const expiryRest = z.strictObject({
  store: z.string(),
  table: z.string(),
  waiting: count,
  withoutClock: count,
  indexed: z.boolean(),
  proposal: z.array(z.string()),
});

/** A legal hold in force, or one that ended since the run before; never whom it is about. */
export const hold = z.strictObject({
  hold: z.string(),
  matter: z.string(),
  reason: z.enum(holdReasons),
  kind: z.enum(holdKinds),
  /** The request that it is on. */
  ref: z.string().nullable(),
  store: z.string().nullable(),
  table: z.string().nullable(),
  /** Of backups: of which repository, and which, by its name; null: all of the days. */
  repository: z.string().nullable(),
  backup: z.string().nullable(),
  from: day.nullable(),
  to: day.nullable(),
  placed: instant,
  until: day.nullable(),
  released: instant.nullable(),
  /** Requests that wait for the matter. */
  waiting: count,
});

/** Retained records whose period was over and of which a search found none any more: of how many requests, and what had become of them. */
export const endedItem = z.strictObject({
  store: z.string(),
  table: z.string(),
  as: z.enum(["erase", "anonymise"]),
  requests: count,
  rows: count,
  basis: z.string().nullable(),
  /** Of these requests, those of whose person nothing is retained any more. */
  complete: count,
});

export type HoldItem = z.infer<typeof hold>;
export type EndedItem = z.infer<typeof endedItem>;
export type RestoreItem = z.infer<typeof restore>;
export type RevisionItem = z.infer<typeof revision>;
export type ExpiredItem = z.infer<typeof expiredItem>;
export type ExpiryRestItem = z.infer<typeof expiryRest>;
