import { z } from "zod";
import { anonymitySets, lates, timeUnits } from "#records/anonymity.ts";
import { now } from "#policy/schema/blockers.ts";
import { period } from "#policy/schema/period.ts";
import { column, measure, table, text, value } from "#policy/schema/names.ts";

const changes = z.strictObject({
  set: value.optional().describe("The same value in every row; `null` empties the column."),
  unique: text
    .optional()
    .describe(
      "Text with `{random}`, different in every row, for columns that must stay unique: `erased-{random}@invalid`.",
    ),
  redact: z
    .literal("identifiers")
    .optional()
    .describe("Text or JSON in which `[erased]` takes the place of the subject's identifiers and names."),
  truncate: z
    .enum(timeUnits)
    .optional()
    .describe("A date or time cut to the beginning of its day, week (Monday), month, quarter or year."),
  now: now.shape.now
    .optional()
    .describe("The moment of the erasure: `always`, or `if-null` where the column is still empty."),
  stays: text
    .optional()
    .describe("Personal data that stays on purpose, and why: counted and listed for every request."),
  generalise: z
    .strictObject({
      map: z
        .record(z.string(), z.string())
        .optional()
        .describe("What becomes of which value: `{ Bonn: West, Berlin: East }`."),
      file: text
        .optional()
        .describe(
          "Instead of `map`, a CSV file with a header, by its path from the policy: value, then its group at each level. What it says is part of the policy.",
        ),
      level: z
        .union([z.int().min(1), text], { error: "expected the number of a level, from 1, or its name in the header" })
        .optional()
        .describe("Which level of the file: its number, from 1, or its name in the header."),
      otherwise: z
        .union([z.string(), z.null()], { error: "expected text or null" })
        .describe("What becomes of every other value; `null` empties it."),
    })
    .refine(({ map, file }) => (map === undefined) !== (file === undefined), "expected exactly one of `map`, `file`")
    .refine(({ file, level }) => (file === undefined) === (level === undefined), "expected `file` and `level` together")
    .optional()
    .describe("A coarser category in the place of each value."),
  band: z
    .strictObject({
      width: z.number().positive().describe("How many units wide the bands are."),
      from: z.number().default(0).describe("Where one of them begins."),
    })
    .optional()
    .describe("A number becomes the lower end of its band: `{ width: 10 }` makes 37 of it 30."),
  code: z
    .strictObject({
      bottom: z.number().optional().describe("What smaller numbers become."),
      top: z.number().optional().describe("What larger numbers become."),
    })
    .refine(({ bottom, top }) => bottom !== undefined || top !== undefined, "expected `bottom`, `top` or both")
    .refine(({ bottom = -Infinity, top = Infinity }) => bottom <= top, "`bottom` is above `top`")
    .meta({ minProperties: 1 })
    .optional()
    .describe("Top and bottom coding: numbers above `top` become `top`, those below `bottom` become `bottom`."),
  rare: z
    .strictObject({
      below: z.int().min(2).describe("Values that fewer rows of the whole table have are rare."),
      otherwise: z.union([z.string(), z.null()], { error: "expected text or null" }).describe("What becomes of them."),
    })
    .optional()
    .describe("Categories that are rare lose their name, and the others stay."),
  rekey: z
    .literal("random")
    .optional()
    .describe(
      "A new random key in every row, which nobody can derive from the old one: the database draws it, and nothing remembers it.",
    ),
  shuffle: z
    .array(column)
    .optional()
    .describe(
      "The batch's rows exchange their values at random, among those that are equal in these columns; of the `clock`, and of what `conserve` sums, among those of the same period.",
    ),
  mean: z
    .array(column)
    .optional()
    .describe(
      "A number becomes the mean of the batch's rows of the same period (`clock`, `per`) that are equal in these columns, those of at least `k` people; the sum stays as it was, to the last digit.",
    ),
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
  .meta({
    id: "transform",
    description:
      "`keep`, or what becomes of the column: one of set, unique, redact, truncate, generalise, band, code, rare, mean, rekey, shuffle, now, stays.",
  });

const columns = z.record(column, transform).describe("Every column of the table and what becomes of it.");
const owner = z
  .union([column, z.array(column).min(1)], { error: "expected a column or a list of columns" })
  .optional()
  .describe(
    "The column, or columns, whose reference makes a row somebody's own, where several lead to people: `invoice_id` for payments. The others only mention.",
  );

const decision = z
  .strictObject({
    by: text.describe("Who decided it."),
    on: z.iso.date("expected a date such as 2026-11-01").describe("When: a date."),
    why: text.describe("Why the records may go although a statute may hold them."),
  })
  .describe("Who decided that records which a statute may hold are erased nevertheless, when, and why.");

const fate = z
  .union(
    [
      z.literal("erase"),
      z.record(column, transform).refine((changed) => Object.keys(changed).length > 0, "expected at least one column"),
    ],
    {
      error: "expected `erase`, or columns and what becomes of them",
    },
  )
  .describe("What becomes of the rows then: `erase`, or columns and their values (`set`, `truncate`).");

const expires = z
  .strictObject({
    after: period.describe("How long rows stay, whoever they are about: `P90D` is ninety days after their `clock`."),
    clock: column.describe("The date or time from which it counts."),
    why: text.describe("Why so long and no longer, as reports cite it: Art. 5(1)(e) GDPR, or the company's own rule."),
    then: fate.default("erase"),
  })
  .optional()
  .describe("Storage limitation: rows that are older go in the night, without anybody asking.");

const attack = z.strictObject({
  knows: text.describe("A table of the same store with records of people: invoices that are kept, say."),
  by: z
    .record(column, column)
    .refine((pairs) => Object.keys(pairs).length > 0, "expected at least one column")
    .describe(
      "Columns of this table, and those of the other with which they are compared: `{ at: issued_on, price: total }`.",
    ),
  whose: z
    .union([column, z.array(column).min(1)], { error: "expected a column or a list of columns" })
    .optional()
    .describe(
      "The column of the other table that tells people apart; without it each of its rows is of somebody else.",
    ),
});

const aggregate = z
  .strictObject({
    into: table.describe("The table that takes the counts, of the same store."),
    count: column.describe("Its column that counts the rows."),
    sums: z
      .record(column, column)
      .optional()
      .describe("Columns of this table, and those of the other that sum them: `{ amount: amount }`."),
    period: column.optional().describe("Its column of type date for the first day of the period (`clock`, `per`)."),
    other: z
      .record(column, value)
      .describe("The class of rows of too few people, and of what is empty: a value for each column of `quasi`."),
  })
  .describe(
    "The rows go, and counts stay: one row for each class (the columns of `quasi`, by the same names) and period, in another table.",
  );

const rule = <const T extends string, Keys extends z.ZodRawShape>(name: T, means: string, keys: Keys) =>
  z.strictObject({ treatment: z.literal(name).describe(means), ...keys }).meta({ title: name, description: means });

export const tableRule = z
  .discriminatedUnion("treatment", [
    rule("erase", "The subject's rows go.", { owner, decided: decision.optional(), expires }),
    rule("anonymise", "The subject's rows stay, and nobody can be recognised in them.", {
      owner,
      columns,
      quasi: z
        .array(column)
        .optional()
        .describe("Columns that together might give somebody away: rows that are equal in them are a class."),
      k: z
        .int()
        .min(2)
        .optional()
        .describe(
          "How many rows each class must have where rows of a batch are, or it is undone, and among how many people rows are shuffled or averaged; 5 unless given.",
        ),
      anonymity_set: z
        .enum(anonymitySets)
        .optional()
        .describe(
          "Which rows of a class count: those of `everybody`, unless given, or only the `nameless` ones, for whoever knows whose the others are.",
        ),
      sensitive: z
        .array(column)
        .min(1)
        .optional()
        .describe("Columns of which nobody should learn what they say of somebody who is found in a class."),
      l: z
        .int()
        .min(2)
        .optional()
        .describe("How many different values of each `sensitive` column such a class must have (l-diversity)."),
      t: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe("How far a `sensitive` column may be in such a class from the whole table, 0 to 1 (t-closeness)."),
      attack: z
        .array(attack)
        .min(1)
        .optional()
        .describe("What else somebody may know: whoever one person alone fits by it is not anonymised, but waits."),
      late: z
        .enum(lates)
        .optional()
        .describe(
          "What becomes of the rows of whoever would still be recognised in the last night before their deadline. `wait`, unless given: they wait on, and the request is late. `suppress`: what tells them apart is emptied, and what even so is in too small a class goes. `erase`: they go, and totals are not kept.",
        ),
      conserve: z
        .array(measure)
        .optional()
        .describe(
          "Totals per period, `count`, `sum(column)` or `distinct(column)`, that must be equal before and after, or the batch is undone.",
        ),
      by: z
        .array(column)
        .min(1)
        .optional()
        .describe(
          "Columns that stay, or become coarser, and by whose values the totals are divided beside the period.",
        ),
      clock: column.optional().describe("The date or time that puts a row into a period of the totals."),
      per: z.enum(timeUnits).optional().describe("The period of the totals; month unless given."),
      aggregate: aggregate.optional(),
      order: z
        .literal("random")
        .optional()
        .describe(
          "The batch's rows are taken out and put in again in random order, so that where a row lies does not say whose it was.",
        ),
      expires,
    }),
    rule("retain", "The subject's rows stay for a statutory period, without what the statute does not ask for.", {
      owner,
      class: text.describe("One of the retention `classes` above."),
      clock: column.describe("The date or time of the record, from which the period counts; it must be `keep`."),
      columns,
      readable_by: z
        .array(text)
        .min(1)
        .optional()
        .describe(
          "Database roles that may read the rows once the subject is erased (Art. 18 GDPR); for everybody else they are no longer there, until they expire.",
        ),
      expired: fate
        .optional()
        .describe(
          "What becomes of rows whose period is over, whoever they are about: `erase`, or columns and their values. Without it they stay, and reports say so.",
        ),
    }),
    rule("keep", "The rows stay as they are: nothing in them is about people, or what is stays on purpose.", {
      owner,
      reason: text.describe("Why the rows stay as they are."),
      personal: z
        .array(column)
        .min(1)
        .optional()
        .describe("Columns with personal data that stays on purpose: counted and listed for every request."),
      expires,
    }),
  ])
  .meta({ id: "table", description: "What becomes of a person's rows in the table." });
