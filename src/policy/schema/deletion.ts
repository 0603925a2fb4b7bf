import { Temporal } from "temporal-polyfill";
import { z } from "zod";
import { column, table, value } from "#policy/schema/names.ts";

const isGrace = (written: string): boolean => {
  try {
    return Temporal.Duration.from(written).sign === 1;
  } catch {
    return false;
  }
};

const grace = z
  .string()
  .refine(isGrace, "expected an ISO 8601 duration, such as PT10M for ten minutes or P30D for thirty days")
  .describe("How long a request waits before it is carried out; until then it can be withdrawn.");

const set = z
  .record(column, value)
  .refine((columns) => Object.keys(columns).length > 0, "expected at least one column and its value")
  .describe("What the subject's own row says afterwards.");

const mark = {
  set,
  hidden_from: z
    .array(table)
    .optional()
    .describe("Views that must not show the subject afterwards; read back before the change is committed."),
  refuse: z
    .array(table)
    .optional()
    .describe("Tables that take no new row for the subject as long as the row says so: enforced by a trigger."),
};

/** What "delete" means. */
export const deletion = z
  .discriminatedUnion("mode", [
    z.strictObject({ mode: z.literal("hard") }).describe("At once and for good, by the rules of `tables`."),
    z
      .strictObject({ mode: z.literal("scheduled"), grace })
      .describe("For good, by the rules of `tables`, after a time in which the request can be withdrawn."),
    z
      .strictObject({ mode: z.literal("soft"), ...mark })
      .describe("The subject's row is marked and hidden; it can be reactivated, which reopens the request."),
    z
      .strictObject({ mode: z.literal("soft-then-hard"), ...mark, grace })
      .describe("Marked and hidden at once; for good, by the rules of `tables`, after the time of grace."),
    z
      .strictObject({ mode: z.literal("archive"), ...mark })
      .describe("The subject's row is marked for good; what else becomes of it the rules of `tables` say."),
  ])
  .describe("What the word deletion means in this store; `hard` unless given.");
