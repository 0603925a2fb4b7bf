import { z } from "zod";
import { column, option, table, text, value } from "#policy/schema/names.ts";

const row = z
  .record(column, z.union([value, z.record(z.string(), z.unknown()), z.array(z.unknown())]))
  .describe("A row: its key, what it refers to, and the columns that the example is about.");

const fate = z
  .string()
  .regex(
    /^(erased|anonymised|kept|stays|spared|unlinked|remedied|retained( until \d{4}-\d{2}-\d{2})?)$/,
    "expected erased, anonymised, kept, stays, spared, unlinked, remedied, or retained until a date",
  )
  .describe(
    "erased: gone. anonymised. retained [until DATE]. stays: left on purpose. kept: not the subject's, untouched. spared: somebody else has it too. unlinked: somebody else's, its reference emptied. remedied: changed or removed by a remedy.",
  );

/** What should become of a person with these rows: a test that a lawyer can read. */
export const example = z.strictObject({
  example: text.describe("What it shows, in a sentence that a lawyer reads."),
  options: z
    .record(option, z.boolean())
    .optional()
    .describe("Options that are set otherwise than above, for this example alone."),
  given: z
    .record(table, z.array(row).min(1))
    .describe(
      "Rows by table. The first row of the subject's table is whoever asks; columns that do not matter are left out.",
    ),
  then: z
    .union([
      z.strictObject({ blocked: text.describe("The code of a blocker at which the request must stop.") }),
      z.record(
        table,
        z.union([fate, z.array(fate).min(1)], {
          error: "expected what becomes of the rows, or a list with one for each",
        }),
      ),
    ])
    .describe(
      "`blocked: CODE`, or what becomes of the rows: one word for all rows of a table, or a list with one for each.",
    ),
});
