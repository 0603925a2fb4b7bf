import { z } from "zod";
import { exceptionLetters } from "#records/exception.ts";

const count = z.int().nonnegative();
const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** Why a request was refused; by which exception of Art. 17(3) GDPR and provision, where it was one; how late, where it was. */
export const refusal = z.strictObject({
  reason: z.string(),
  exception: z.enum(exceptionLetters).nullable(),
  citation: z.string().nullable(),
  late: z.strictObject({ due: z.iso.date(), basis: z.string(), days: count }).nullable(),
});

const decidedException = z.strictObject({
  store: z.string(),
  table: z.string(),
  exception: z.enum(exceptionLetters),
  basis: z.string(),
  class: z.string(),
});

/** What approvals left in place by Art. 17(3) GDPR, and how many of the listed requests name it: its digest is of `exceptions`. */
export const exceptionList = z.strictObject({ digest, requests: count, exceptions: z.array(decidedException) });

export type ExceptionListItem = z.infer<typeof exceptionList>;
/** One line of a list, for the workbook. */
export type DecidedItem = z.infer<typeof decidedException> & { readonly requests: number };
