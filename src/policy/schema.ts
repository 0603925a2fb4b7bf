import { Temporal } from "temporal-polyfill";
import { z } from "zod";

const text = z.string().min(1);

const table = z
  .string()
  .regex(/^[^\s.]([^.]*[^\s.])?(\.[^\s.]([^.]*[^\s.])?)?$/, "a table is named `table` or `schema.table`")
  .refine((name) => !name.startsWith("public."), "tables of schema public are named without `public.`")
  .describe("A table: `table` in schema public, `schema.table` elsewhere.");
const column = text.describe("A column of the table.");
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: "expected text, a number, true or false" });

const columnName = z.string().regex(/^[^\s.]+(\.[^\s.]+){1,2}$/, "expected `table.column` or `schema.table.column`");

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

const changes = z.strictObject({
  set: z
    .union([z.null(), z.string(), z.number(), z.boolean()], { error: "expected null, text, a number, true or false" })
    .optional()
    .describe("The same value in every row; `null` empties the column."),
  unique: text.optional().describe("Text with `{random}`, different in every row."),
  redact: z.literal("identifiers").optional().describe("Replaces the subject's identifiers and names inside text."),
  truncate: z.enum(["day", "month", "year"]).optional().describe("Makes a date or time coarser."),
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

const transform = z
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

const tableRule = z
  .discriminatedUnion("treatment", [
    z.strictObject({ treatment: z.literal("erase"), owner }),
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
    z.strictObject({ treatment: z.literal("keep"), reason: text.describe("Why the table needs no treatment.") }),
  ])
  .meta({ id: "table" });

const condition = z.union(
  [
    scalar,
    z.array(scalar).min(1),
    z
      .strictObject({
        gt: z.union([z.number(), z.string()]).optional(),
        gte: z.union([z.number(), z.string()]).optional(),
        lt: z.union([z.number(), z.string()]).optional(),
        lte: z.union([z.number(), z.string()]).optional(),
        not: z.union([z.number(), z.string()]).optional(),
        is_null: z.boolean().optional(),
      })
      .refine((written) => Object.keys(written).length === 1, "expected exactly one of gt, gte, lt, lte, not, is_null")
      .meta({ minProperties: 1, maxProperties: 1 }),
  ],
  { error: "expected a value, a list of values, or a mapping with one of gt, gte, lt, lte, not, is_null" },
);

const blocker = z.strictObject({
  code: z.string().regex(/^[A-Z][A-Z0-9_]*$/, "a code is written in capital letters, digits and _"),
  when: z
    .object({ table })
    .catchall(condition)
    .describe("A table in the subject's scope and conditions on its columns, all of which must hold."),
  then: z.literal("block", { error: "expected `block`, the only consequence that a blocker can have" }),
  hint: text.optional().describe("What a person has to do about it."),
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
    subject,
    links: z.array(link).optional().describe("Relations that the database does not declare."),
    classes: z.record(text, retentionClass).optional().describe("How long retained rows stay, and by which law."),
    tables: z.record(table, tableRule),
    blockers: z.array(blocker).optional().describe("Conditions that stop a request until a person has acted."),
  })
  .describe("What Lethe does with a data subject's records in one store.");

export type PolicyDocument = z.output<typeof policySchema>;
export type WrittenRule = PolicyDocument["tables"][string];
export type WrittenTransform = z.output<typeof transform>;
export type WrittenCondition = z.output<typeof condition>;
