import { z } from "zod";
import { isDuration } from "#lib/duration-text.ts";
import { column, table, value } from "#policy/schema/names.ts";

const grace = z
  .string()
  .refine(isDuration, "expected an ISO 8601 duration, such as PT10M for ten minutes or P30D for thirty days")
  .describe("How long a request waits before it is carried out; until then it can be withdrawn.");

const set = z
  .record(column, value)
  .refine((columns) => Object.keys(columns).length > 0, "expected at least one column and its value")
  .describe("What the subject's own row says afterwards, such as `{ status: inactive }`.");

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

const mode = <const M extends string, Keys extends z.ZodRawShape>(name: M, means: string, keys: Keys) =>
  z.strictObject({ mode: z.literal(name).describe(means), ...keys }).meta({ title: name, description: means });

/** What "delete" means. */
export const deletion = z
  .discriminatedUnion("mode", [
    mode("hard", "At once and for good, by the rules of `tables`.", {}),
    mode("scheduled", "For good, by the rules of `tables`, after `grace`; until then the request can be withdrawn.", {
      grace,
    }),
    mode(
      "soft",
      "The subject's row is marked and hidden, and stays; it can be reactivated, which reopens the request.",
      mark,
    ),
    mode("soft-then-hard", "Marked and hidden at once; after `grace` for good, by the rules of `tables`.", {
      ...mark,
      grace,
    }),
    mode("archive", "The subject's row is marked for good; what else becomes of it the rules of `tables` say.", mark),
  ])
  .describe("What the word deletion means in this store; `hard` unless given.");
