import { z } from "zod";
import { now } from "#policy/schema/blockers.ts";
import { column, text, value } from "#policy/schema/names.ts";

const changes = z.strictObject({
  set: value.optional().describe("The same value in every row; `null` empties the column."),
  unique: text.optional().describe("Text with `{random}`, different in every row."),
  redact: z.literal("identifiers").optional().describe("Replaces the subject's identifiers and names inside text."),
  truncate: z.enum(["day", "month", "year"]).optional().describe("Makes a date or time coarser."),
  now: now.shape.now.optional().describe("The moment of the batch: `always`, or `if-null` where the column is empty."),
  stays: text.optional().describe("Personal data that stays on purpose, and why: listed for every request."),
  generalise: z
    .strictObject({
      map: z.record(z.string(), z.string()),
      otherwise: z.union([z.string(), z.null()], { error: "expected text or null" }),
    })
    .optional()
    .describe("Replaces values by coarser ones; what the map does not list becomes `otherwise`."),
});

/** The names of the column transforms, as the hints list them. */
const transformKeys = Object.keys(changes.shape);

export const transform = z
  .union(
    [
      z.literal("keep"),
      changes
        .refine((written) => Object.keys(written).length === 1, `expected exactly one of ${transformKeys.join(", ")}`)
        .meta({ minProperties: 1, maxProperties: 1 }),
    ],
    { error: `expected \`keep\` or a mapping with one of ${transformKeys.join(", ")}` },
  )
  .meta({ id: "transform" });

const columns = z.record(column, transform).describe("Every column of the table and what becomes of it.");
const owner = z
  .union([column, z.array(column).min(1)], { error: "expected a column or a list of columns" })
  .optional()
  .describe("The columns that make a row the subject's own, when several relations lead to the subject.");

const decision = z
  .strictObject({ by: text, on: z.iso.date("expected a date such as 2026-11-01"), why: text })
  .describe("Who decided that records which a statute may hold are erased nevertheless, when, and why.");

export const tableRule = z
  .discriminatedUnion("treatment", [
    z.strictObject({
      treatment: z.literal("erase"),
      owner,
      decided: decision.optional(),
    }),
    z.strictObject({
      treatment: z.literal("anonymise"),
      owner,
      columns,
      quasi: z.array(column).optional().describe("Quasi-identifiers over which k is measured on the whole table."),
      k: z.int().min(2).optional().describe("The smallest class that is acceptable (default 5)."),
      conserve: z
        .array(z.string().regex(/^(count|sum\([^\s()]+\))$/, "expected `count` or `sum(column)`"))
        .optional()
        .describe("Totals that must be equal before and after."),
      clock: column.optional().describe("The date or time that puts a row into a period."),
      per: z.enum(["day", "month", "year"]).optional().describe("The period of the totals (default month)."),
    }),
    z.strictObject({
      treatment: z.literal("retain"),
      owner,
      class: text.describe("One of the retention classes above."),
      clock: column.describe("The date or time from which the period counts."),
      columns,
    }),
    z.strictObject({
      treatment: z.literal("keep"),
      owner,
      reason: text.describe("Why the table needs no treatment."),
      personal: z
        .array(column)
        .min(1)
        .optional()
        .describe("Columns with personal data that stays, on purpose: listed for every request."),
    }),
  ])
  .meta({ id: "table" });
