import { Temporal } from "temporal-polyfill";
import { z } from "zod";
import { blocker, figure, recipient, type condition } from "#policy/schema/blockers.ts";
import { deletion } from "#policy/schema/deletion.ts";
import { example } from "#policy/schema/examples.ts";
import { column, columnName, option, table, text } from "#policy/schema/names.ts";
import { tableRule, type transform } from "#policy/schema/tables.ts";

const link = z.union(
  [
    z
      .string()
      .regex(
        /^[^\s.]+(\.[^\s.]+){1,2}\s*->\s*[^\s.]+(\.[^\s.]+){1,2}$/,
        "expected `table.column -> table.column`, from the referring column to the column it refers to",
      ),
    z.strictObject({ from: columnName, to: columnName, where: z.record(column, z.string()).optional() }),
  ],
  { error: "expected `table.column -> table.column`, or a mapping with `from`, `to` and `where`" },
);

const subject = z.strictObject({
  table,
  key: column.describe("The primary key of the subject's root row."),
  identifiers: z
    .strictObject({
      email: column.optional(),
      phone: column.optional(),
      external_id: column.optional(),
      device_id: column.optional(),
    })
    .describe("Columns of the root row that name the person across stores; searched for after erasure."),
  names: z
    .array(column)
    .optional()
    .describe("Columns of the root row that name the person inside their own rows only; `redact` removes them there."),
});

/** Years, months and days only: a statutory period never counts hours. */
const isPeriod = (written: string): boolean => {
  try {
    const { years, months, weeks, days, sign } = Temporal.Duration.from(written);
    return sign === 1 && weeks === 0 && Temporal.Duration.from({ years, months, days }).toString() === written;
  } catch {
    return false;
  }
};

const retentionClass = z.strictObject({
  basis: text.describe("The statute and paragraph that demand it."),
  period: z.string().refine(isPeriod, "expected an ISO 8601 duration of years, months or days, such as P8Y"),
  anchor: z.enum(["event", "end-of-calendar-year"]).describe("From when the period runs."),
});

/** A policy as people write it: one YAML file for one store. */
export const policySchema = z
  .strictObject({
    policy: z
      .string()
      .regex(
        /^[a-z][a-z0-9_-]*$/,
        "a policy's name begins with a small letter and holds small letters, digits, _ and -",
      ),
    version: z.int().min(1).describe("Counts up with every agreed change."),
    effective: z.iso.date("expected a date such as 2026-11-01"),
    owner: text.describe("Who answers for the policy."),
    deletion: deletion.optional(),
    purposes: z
      .array(text)
      .min(1)
      .optional()
      .describe("What a request may be for; one with another purpose is refused. Any purpose unless given."),
    options: z
      .record(option, z.boolean())
      .optional()
      .describe("Switches of the policy, by name; a line with `if:` counts only when its option is true."),
    subject,
    links: z.array(link).optional().describe("Relations that the database does not declare."),
    classes: z.record(text, retentionClass).optional().describe("How long retained rows stay, and by which law."),
    tables: z.record(table, tableRule),
    blockers: z
      .array(blocker)
      .optional()
      .describe("Conditions that stop a request until a person has acted, or are remedied."),
    recipients: z.array(recipient).optional().describe("Who else has to erase."),
    figures: z.array(figure).optional().describe("Figures of the business to show before and after."),
    examples: z.array(example).optional().describe("Executed by `lethe policy check`."),
  })
  .describe("What Lethe does with a data subject's records in one store.");

export type PolicyDocument = z.output<typeof policySchema>;
export type WrittenRule = PolicyDocument["tables"][string];
export type WrittenTransform = z.output<typeof transform>;
export type WrittenCondition = z.output<typeof condition>;
export type WrittenBlocker = z.output<typeof blocker>;
