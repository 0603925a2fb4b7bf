import { z } from "zod";
import { units } from "#anonymity/search/hierarchy.ts";

const text = z.string().min(1);

/** The ways to write a hierarchy, of which each has one. */
const kinds = ["time", "bands", "levels", "file"] as const;

const hierarchy = z
  .strictObject({
    time: z
      .array(z.enum(units))
      .min(1)
      .optional()
      .describe("A date or time cut to the beginning of its day, its month, …: from fine to coarse."),
    bands: z
      .array(z.number().positive())
      .min(1)
      .optional()
      .describe("A number to the band that it lies in, by widths: `[5, 10, 20]`, each a multiple of the one before."),
    from: z.number().optional().describe("Where a band begins; 0 unless given."),
    levels: z
      .array(z.record(z.string(), text))
      .optional()
      .describe("Maps, applied one after the other: what becomes of each value, then of each group."),
    file: text.optional().describe("A CSV file with a header, beside this one: value, then its group at each level."),
    most: z.int().min(0).optional().describe("The highest level that may be chosen; one value for all unless given."),
  })
  .refine(
    (written) => kinds.filter((kind) => written[kind] !== undefined).length === 1,
    `expected exactly one of ${kinds.join(", ")}`,
  )
  .refine(
    ({ from, bands }) => from === undefined || bands !== undefined,
    "`from` says where `bands` begin, and there are none",
  );

export const hierarchiesSchema = z.strictObject({
  hierarchies: z
    .record(text, hierarchy)
    .refine((written) => Object.keys(written).length > 0, "expected at least one quasi-identifier")
    .describe("The quasi-identifiers of the table, and how each may be made coarser."),
});

export type WrittenHierarchy = z.output<typeof hierarchy>;
