import { z } from "zod";
import { outcomes } from "#records/treatment.ts";

const count = z.int().nonnegative();
const day = z.iso.date();
const instant = z.iso.datetime();
/** A decimal of the database, exact. */
const decimal = z.string();

/**
 * What has become of one request in one store. What is done says so as the ledger does, once it was searched for; what is open stands as
 * it stood when the report was read. `store` is null where no single store is meant: a subject that none of them knows.
 */
const outcomeItem = z.strictObject({
  ref: z.string(),
  store: z.string().nullable(),
  outcome: z.enum(outcomes),
  /** When it was declared, or since when it is so. */
  at: instant.nullable(),
  /** Why it is blocked or has failed: the first decides, the others apply as well. */
  codes: z.array(z.string()),
  scheduledFor: instant.nullable(),
  /** Columns in which the policy leaves personal data on purpose; null while nothing is done. */
  left: count.nullable(),
  /** The day on which the last of it may go; null when no date is set. */
  until: day.nullable(),
});

export const outcomeSection = z.strictObject({
  /** Requests by outcome; one that ended differently in two stores counts for both. */
  requests: z.record(z.enum(outcomes), count),
  stores: z.array(z.strictObject({ store: z.string().nullable(), outcome: z.enum(outcomes), requests: count })),
  items: z.array(outcomeItem),
});

/** Rows whose column is not empty, read after the change in its transaction. `until`: null when no date is set. */
const stayingColumn = z.strictObject({
  table: z.string(),
  column: z.string(),
  rows: count,
  why: z.string(),
  until: day.nullable(),
});

const stayPlace = z.strictObject({ store: z.string(), ...stayingColumn.shape, requests: count });

/** Personal data that stays on purpose: by place, and for each request whose outcome this report declares. */
export const staySection = z.strictObject({
  places: z.array(stayPlace),
  items: z.array(z.strictObject({ ref: z.string(), store: z.string(), columns: z.array(stayingColumn) })),
});

const remedy = { store: z.string(), code: z.string(), table: z.string(), action: z.string(), rows: count };

/** What was done about rows that would have stopped a request, in the run that did it. */
export const remedySection = z.strictObject({
  totals: z.array(z.strictObject({ ...remedy, requests: count })),
  items: z.array(z.strictObject({ ref: z.string(), ...remedy })),
});

/**
 * A figure of the business over a whole table. `before` was read before the first batch, `after` after the last; `change` sums what the
 * batches themselves changed, `meanwhile` is the rest: what others wrote in between.
 */
export const figureItem = z.strictObject({
  store: z.string(),
  figure: z.string(),
  before: decimal,
  after: decimal,
  change: decimal,
  meanwhile: decimal,
  /** No batch changed it. */
  equal: z.boolean(),
});

/** What recipients have to do, as it stood when the report was read. By which name they know a record stands nowhere in a report. */
export const taskItem = z.strictObject({
  store: z.string(),
  recipient: z.string(),
  task: z.string(),
  open: count,
  done: count,
  failed: count,
  oldestOpen: instant.nullable(),
});

export type OutcomeItem = z.infer<typeof outcomeItem>;
export type StayingColumn = z.infer<typeof stayingColumn>;
export type StayPlace = z.infer<typeof stayPlace>;
export type StayItem = z.infer<typeof staySection>["items"][number];
export type RemedyTotal = z.infer<typeof remedySection>["totals"][number];
export type RemedyItem = z.infer<typeof remedySection>["items"][number];
export type FigureItem = z.infer<typeof figureItem>;
export type TaskItem = z.infer<typeof taskItem>;
