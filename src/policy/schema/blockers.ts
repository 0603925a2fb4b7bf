import { z } from "zod";
import { column, measure, option, scalar, table, text, value } from "#policy/schema/names.ts";

const bound = z.union([z.number(), z.string()]);

export const condition = z.union(
  [
    scalar,
    z.array(scalar).min(1),
    z
      .strictObject({
        gt: bound.optional().describe("The column is greater than this."),
        gte: bound.optional().describe("The column is this or greater."),
        lt: bound.optional().describe("The column is less than this."),
        lte: bound.optional().describe("The column is this or less."),
        not: bound.optional().describe("The column is anything but this; empty counts as anything."),
        is_null: z.boolean().optional().describe("`true`: the column is empty. `false`: it is not."),
      })
      .refine((written) => Object.keys(written).length === 1, "expected exactly one of gt, gte, lt, lte, not, is_null")
      .meta({ minProperties: 1, maxProperties: 1 }),
  ],
  { error: "expected a value, a list of values, or a mapping with one of gt, gte, lt, lte, not, is_null" },
);

export const now = z
  .strictObject({
    now: z
      .enum(["always", "if-null"])
      .describe("`always`: the moment of the erasure. `if-null`: the same, where the column is still empty."),
  })
  .describe("The moment of the batch: in every row, or where the column is still empty.");

/** From a row on along references, `invoice_id.customer_id`: the customer of the invoice that the row refers to. */
const way = z
  .string()
  .regex(/^[^\s.]+(\.[^\s.]+)*$/, "expected columns that refer, separated by dots, such as `invoice_id.customer_id`");

const remedies = ["set", "unlink", "remove"] as const;

const remedy = z
  .strictObject({
    set: z
      .record(column, z.union([value, now], { error: "expected a value, null, or `{ now: if-null }`" }))
      .optional()
      .describe(
        "What the rows say afterwards, such as `{ status: cancelled, ended_on: { now: if-null } }`. It must end the condition.",
      ),
    unlink: column
      .optional()
      .describe("The column whose reference is emptied: a child from its parent, a gift from its giver."),
    remove: z
      .literal("rows")
      .optional()
      .describe("The rows go, whoever they belong to: a payment by somebody else, an allocation."),
    if: option.optional(),
  })
  .refine(
    (written) => remedies.filter((key) => written[key] !== undefined).length === 1,
    `expected exactly one of ${remedies.join(", ")}`,
  );

export const blocker = z.strictObject({
  code: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, "a code is written in capital letters, digits and _")
    .describe("What a blocked request says, and what reports count: in capital letters."),
  when: z
    .object({ table })
    .catchall(condition)
    .describe(
      "A table and conditions on its columns, all of which must hold: `status: active`, `status: [active, paused]`, `balance: { gt: 0 }`, `parent_id: { is_null: false }`.",
    ),
  whose: way
    .optional()
    .describe(
      "The way from a row to the subject along references: `invoice_id.customer_id` is the customer of the row's invoice. Without it: the rows that belong to the subject.",
    ),
  other: way
    .optional()
    .describe("Together with `whose`: only rows that lead to somebody else as well, by this way, such as `payer_id`."),
  then: z
    .union([z.literal("block"), remedy], {
      error: "expected `block`, or a remedy: a mapping with one of set, unlink, remove",
    })
    .describe("`block`: the request waits for a person. A remedy: done with the erasure, and undone with it."),
  hint: text.optional().describe("What a person has to do about it, as an order: cancel the subscription."),
});

export const recipient = z
  .strictObject({
    recipient: text.describe("Who has to be told: a gateway, a processor."),
    task: z
      .string()
      .regex(/^[a-z][a-z0-9_]*$/, "a task is named with small letters, digits and _")
      .describe("What the recipient has to do, by a name: `delete_payment_method`."),
    table: table.describe("One task is recorded for every row of the subject in this table."),
    reference: column.describe("By what the recipient knows the record; forgotten once the task is settled."),
    if: option.optional(),
  })
  .describe("For every row of the subject in the table a task is recorded, with the erasure, and delivered later.");

export const figure = z
  .strictObject({
    figure: text.describe("The figure's name, as the business reports it."),
    table: table.describe("The table that is counted or summed, as a whole."),
    measure: measure.describe("`count` or `sum(column)` over the whole table."),
    where: z
      .record(column, condition)
      .optional()
      .describe("Only rows whose columns meet all of these conditions: `{ status: succeeded }`."),
    equal: z.boolean().optional().describe("`true`: an erasure that changes the figure is undone."),
  })
  .describe("A figure of the business, taken before and after in one transaction.");
