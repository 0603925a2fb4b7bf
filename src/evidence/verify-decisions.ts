import { z } from "zod";
import { refusalSchema, refusalText, type Decisions } from "#evidence/decided.ts";
import { quoted } from "#evidence/faults.ts";
import { digestOf } from "#lib/canonical.ts";

const count = z.int().nonnegative();

export const exceptionListsSchema = z.array(
  z.object({ digest: z.string(), requests: count, exceptions: z.array(z.json()) }),
);

/** Reports of before decisions were in them have neither member. */
export const decidedItemSchema = z.object({
  ref: z.string(),
  state: z.string(),
  exceptions: z.string().nullable().optional(),
  refusal: refusalSchema.nullable().optional(),
});

type Reported = {
  readonly items: readonly z.infer<typeof decidedItemSchema>[];
  /** Undefined: the report is of before decisions were in it. */
  readonly lists: z.infer<typeof exceptionListsSchema> | undefined;
};

/**
 * Compares what a report says of decisions with itself and with the entries: every list is that of its digest, each is named by so many of
 * the listed requests and none is missing; a refusal among the entries is the register's, for nothing follows a refusal. Of the others, and of
 * approvals, an earlier bundle or a later one may tell. Returns what is wrong, undefined when nothing is.
 */
export const faultOfDecisions = (
  { items, lists: listed }: Reported,
  { refusals, approvals }: Pick<Decisions, "refusals" | "approvals">,
): string | undefined => {
  const lists = listed ?? [];
  if (listed === undefined && approvals() > 0) return "does not say what approvals leave in place by exception";
  if (listed !== undefined) {
    if (items.some(({ exceptions, refusal }) => exceptions === undefined || refusal === undefined)) {
      return "leaves out of a request what was decided about it";
    }
    const refs = new Set(items.map(({ ref }) => ref));
    if (refs.size < items.length) return "lists a request twice";
    const missing = [...refusals.keys()].find((ref) => !refs.has(ref));
    if (missing !== undefined) return `does not list request ${quoted(missing)}, which was refused`;
  }
  const forged = lists.find(({ digest, exceptions }) => digestOf(exceptions) !== digest);
  if (forged !== undefined) return "holds a list of exceptions that is not the one of its digest";
  const named = Map.groupBy(items, ({ exceptions }) => exceptions ?? "");
  const counted = new Map(lists.map(({ digest, requests }) => [digest, requests]));
  const digests = [...new Set([...named.keys(), ...counted.keys()])].filter((digest) => digest !== "");
  if (digests.some((digest) => counted.get(digest) !== named.get(digest)?.length)) {
    return "names other lists of exceptions than it holds";
  }
  const otherwise = items.find((item) => {
    const told = refusals.get(item.ref);
    if (told === undefined || item.refusal === undefined) return false;
    return item.refusal === null || item.state !== "refused" || refusalText(item.refusal) !== told;
  });
  return otherwise && `says otherwise than the ledger why request ${quoted(otherwise.ref)} was refused, or how late`;
};
