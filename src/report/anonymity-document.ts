import { z } from "zod";
import { lates, reasons } from "#records/anonymity.ts";

const count = z.int().nonnegative();

const measures = {
  rows: count,
  classes: count,
  k: count,
  unique: count,
  below: count,
  sizes: z.array(z.strictObject({ from: count, to: count, classes: count, rows: count })).readonly(),
  sensitive: z
    .array(
      z.strictObject({
        column: z.string(),
        ordered: z.boolean(),
        values: count,
        l: count,
        entropyL: z.number(),
        t: z.number(),
      }),
    )
    .readonly(),
};

/** A table in which people are to be hidden: how it was before the run and is after it, and what that may be called. */
export const anonymityItem = z.strictObject({
  store: z.string(),
  table: z.string(),
  quasi: z.array(z.string()),
  threshold: count,
  least: count.nullable(),
  most: z.number().nullable(),
  ...measures,
  before: z.strictObject(measures).nullable(),
  /** Why there is none: the store's `statement_timeout` came first. */
  beforeMissed: z.enum(["timeout"]).nullable(),
  /** The run that measured it before, where that died and this one went on with its work. */
  beforeIn: z.string().nullable(),
  /** The same of the nameless rows alone, where the policy has people hidden among those; else null. */
  nameless: z.strictObject({ rows: count, classes: count, k: count, below: count }).nullable(),
  /** Rows that the runs changed. */
  touched: count,
  known: count,
  attacks: z
    .array(
      z.strictObject({
        knows: z.string(),
        precision: z.enum(["exact", "banded"]),
        rows: count,
        nobody: count,
        one: count,
        few: count,
        many: count,
      }),
    )
    .readonly(),
  /** Columns with personal data that the policy leaves in the table. */
  stays: z.array(z.string()).readonly(),
  /** Columns that say something of each row and that no measure is about. */
  unmeasured: z.array(z.string()).readonly(),
  /** Tables with records of people that no attack compares; of another store by its name: `billing: invoices`. */
  notCompared: z.array(z.string()).readonly(),
  /** Every threshold is met, and no attack finds anybody. */
  met: z.boolean(),
  /** `anonymous` only where nothing speaks against it (D7). */
  label: z.enum(["de-identified", "anonymous"]),
  reasons: z.array(z.enum(reasons)).readonly(),
  measuredAt: z.iso.datetime(),
});
/** Somebody whose deadline came before enough others did, and what was done with their rows instead of what the rule says. */
export const lateItem = z.strictObject({
  ref: z.string(),
  store: z.string(),
  table: z.string(),
  late: z.enum(lates).exclude(["wait"]),
  rows: count,
  due: z.iso.date(),
});

/**
 * Totals before and after. Withheld (null) where fewer subjects than the table's threshold contributed: the totals of
 * one night would then describe a person (law-and-evidence D5, D6); and where one that is withheld could be told from the others and their totals
 * otherwise. Whether they are equal is published all the same. Of a period a total is the sum of what the reports of its runs publish; what they
 * withhold stands beside it, withheld.
 */
export const conserved = z.strictObject({
  store: z.string(),
  table: z.string(),
  measure: z.string(),
  period: z.iso.date(),
  /** The values by which the total is divided beside the period; null for those of the period that are withheld, together. */
  by: z.record(z.string(), z.string().nullable()).nullable(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  /** Why there is neither: withheld, or numbers of different values of several batches, which may be the same values. Null where there are. */
  untold: z.enum(["withheld", "several-batches"]).nullable(),
  equal: z.boolean(),
  /** Why it is not equal: a `deadline` came before enough people did. Null where it is. */
  why: z.literal("deadline").nullable(),
});

export type LateItem = z.infer<typeof lateItem>;

export type AnonymityItem = z.infer<typeof anonymityItem>;
export type ConservedItem = z.infer<typeof conserved>;
