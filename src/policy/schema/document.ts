import { z } from "zod";
import { blocker, figure, recipient, type condition } from "#policy/schema/blockers.ts";
import { deletion } from "#policy/schema/deletion.ts";
import { example } from "#policy/schema/examples.ts";
import { period } from "#policy/schema/period.ts";
import { anchors } from "#policy/retention.ts";
import { column, columnName, option, table, text, type value } from "#policy/schema/names.ts";
import { tableRule, type transform } from "#policy/schema/tables.ts";
import { exceptionLetters } from "#records/exception.ts";

const link = z.union(
  [
    z
      .string()
      .regex(
        /^[^\s.]+(\.[^\s.]+){1,2}\s*->\s*[^\s.]+(\.[^\s.]+){1,2}$/,
        "expected `table.column -> table.column`, from the referring column to the column it refers to",
      ),
    z.strictObject({
      from: columnName.describe("The column that holds the reference: `table.column`."),
      to: columnName.describe("The column that it refers to: `table.column`."),
      where: z
        .record(column, z.string())
        .optional()
        .describe("Only rows that say this: of an audit table `{ table_name: customers }`."),
    }),
  ],
  { error: "expected `table.column -> table.column`, or a mapping with `from`, `to` and `where`" },
);

const subject = z.strictObject({
  table: table.describe("The table with one row for each person: customers, users."),
  key: column.describe(
    "The primary key of that table: one column; in ClickHouse what all rows of a person have in common.",
  ),
  key_of: text
    .optional()
    .describe(
      "For stores of ClickHouse: the PostgreSQL store whose rows have the same key, as `user_id` has in events of the shop.",
    ),
  identifiers: z
    .strictObject({
      email: column.optional().describe("The column with the e-mail address."),
      phone: column.optional().describe("The column with the telephone number."),
      external_id: column.optional().describe("The column with the id by which other systems know the person."),
      device_id: column.optional().describe("The column with the id of the person's device."),
    })
    .describe(
      "Columns of the person's row that name the person everywhere: requests are looked up by them, and after the erasure every table is searched for them.",
    ),
  names: z
    .array(column)
    .optional()
    .describe(
      "Columns of the person's row with names that others bear too: `redact` takes them out of the person's own rows, and nobody else's are searched for them.",
    ),
});

/** A class of the policy's own, or one of a law (`policies/retention-classes.yaml`), which may be kept longer. */
const exception = z
  .enum(exceptionLetters)
  .optional()
  .describe(
    "The exception of Art. 17(3) GDPR by which it is kept: `b`, a legal obligation, unless given; `e` for legal claims.",
  );

const retentionClass = z.union(
  [
    z.strictObject({
      basis: text.describe("The statute and paragraph that demand it, as reports cite it: `HGB §257`."),
      period,
      anchor: z
        .enum(anchors)
        .describe(
          "From when the period runs: the day of the record's `clock`, or the end of its calendar year, of its fiscal year, or of the calendar year in which its fiscal year ends.",
        ),
      exception,
    }),
    z
      .strictObject({
        law: text.describe("A class of the law by its name in policies/retention-classes.yaml: `voucher`."),
        jurisdiction: z
          .string()
          .regex(/^[A-Z]{2}$/, "expected a country by its two capital letters (ISO 3166-1), such as DE")
          .optional()
          .describe("Whose law, by two capital letters; the controller's country unless given."),
        period: period.optional().describe("Longer than the law asks; never shorter."),
        why: text.optional().describe("Why the records are kept longer than the law asks."),
      })
      .refine(
        ({ period: longer, why }) => (longer === undefined) === (why === undefined),
        "`period` and `why` go together: who keeps longer than the law asks says why",
      ),
  ],
  { error: "expected `basis`, `period` and `anchor`, or `law`" },
);

/** A policy as people write it: one YAML file for one store. */
export const policySchema = z
  .strictObject({
    policy: z
      .string()
      .regex(
        /^[a-z][a-z0-9_-]*$/,
        "a policy's name begins with a small letter and holds small letters, digits, _ and -",
      )
      .describe("The policy's name, as plans and reports cite it: small letters, digits, _ and -."),
    version: z.int().min(1).describe("Counts up with every agreed change."),
    effective: z.iso.date("expected a date such as 2026-11-01").describe("The day from which the policy is agreed."),
    owner: text.describe("Who answers for the policy: the data protection officer's address."),
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
    subject: subject.describe("Who a person is in this store: the table, its key, and what names the person."),
    links: z
      .array(link)
      .optional()
      .describe(
        "Relations that the database does not declare, from the referring column: `sessions.user_ref -> customers.external_id`.",
      ),
    classes: z
      .record(text, retentionClass)
      .optional()
      .describe("Retention classes, by name: how long rows stay, counted from when, and by which law."),
    tables: z
      .record(table, tableRule)
      .describe(
        "One rule for every table that a person's rows can reach; what is missing stops the night before anything changes.",
      ),
    blockers: z
      .array(blocker)
      .optional()
      .describe("Rows at which a request stops until a person has acted, or which a remedy settles with the erasure."),
    recipients: z.array(recipient).optional().describe("Who else has to erase, and by what they know the record."),
    figures: z
      .array(figure)
      .optional()
      .describe("Figures of the business that reports show before and after each erasure."),
    examples: z
      .array(example)
      .optional()
      .describe("People with some rows, and what must become of them: executed by `lethe policy check`."),
  })
  .describe("What Lethe does with a data subject's records in one store.");

export type PolicyDocument = z.output<typeof policySchema>;
export type WrittenRule = PolicyDocument["tables"][string];
export type WrittenTransform = z.output<typeof transform>;
export type WrittenCondition = z.output<typeof condition>;
export type WrittenValue = z.output<typeof value>;
export type WrittenClass = z.output<typeof retentionClass>;
export type WrittenBlocker = z.output<typeof blocker>;
