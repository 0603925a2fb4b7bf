import { z } from "zod";
import { decodeUtf8 } from "#evidence/canonical-file.ts";
import { quoted } from "#evidence/faults.ts";
import { canonicalJson, digestOf } from "#lib/canonical.ts";

const late = z.object({ due: z.string(), basis: z.string(), days: z.number() });

/** What is compared of a refusal; null where the entry has no such member. */
export const refusalSchema = z.object({
  reason: z.string(),
  exception: z.string().nullable().default(null),
  citation: z.string().nullable().default(null),
  late: late.nullable().default(null),
});

const entrySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("exceptions.listed"), digest: z.string(), exceptions: z.array(z.json()) }),
  z.object({ kind: z.literal("request.approved"), request: z.string(), exceptions: z.string().optional() }),
  refusalSchema.extend({ kind: z.literal("request.refused"), request: z.string() }),
]);

const kindSchema = z.object({ kind: z.enum(["exceptions.listed", "request.approved", "request.refused"]) });

/** What people decided, as the entries tell it. */
export type Decisions = {
  /** Takes every entry in order. */
  readonly take: (line: Buffer) => void;
  /** Approvals that say what they leave in place by exception. */
  readonly approvals: () => number;
  /** What is wrong with these: each names a list that stands before it. Undefined when nothing is. */
  readonly fault: () => string | undefined;
  /** By request, in the one form in which refusals are compared. */
  readonly refusals: ReadonlyMap<string, string>;
};

/** An entry is only parsed where its bytes name one of these kinds: a ledger has many others. */
const kinds = ["exceptions.listed", "request.approved", "request.refused"].map((kind) =>
  Buffer.from(`"kind":"${kind}"`),
);

export const decisions = (): Decisions => {
  const lists = new Set<string>();
  const refusals = new Map<string, string>();
  let approvals = 0;
  let fault: string | undefined;
  return {
    take: (line) => {
      if (!kinds.some((kind) => line.includes(kind))) return;
      const parsed = parse(line);
      // The words may stand inside another entry.
      const { kind } = kindSchema.safeParse(parsed).data ?? {};
      if (kind === undefined) return;
      const entry = entrySchema.safeParse(parsed).data;
      switch (entry?.kind) {
        case undefined:
          fault ??= `holds an entry of kind ${kind} that does not say what such an entry says`;
          return;
        case "exceptions.listed":
          if (digestOf(entry.exceptions) === entry.digest) lists.add(entry.digest);
          else fault ??= "holds a list of exceptions that is not the one of its digest";
          return;
        case "request.approved":
          // Approvals of before there were lists name none.
          if (entry.exceptions === undefined) return;
          if (lists.has(entry.exceptions)) approvals += 1;
          else fault ??= `approves request ${quoted(entry.request)} without the list of exceptions that it names`;
          return;
        case "request.refused":
          refusals.set(entry.request, refusalText(entry));
      }
    },
    approvals: () => approvals,
    fault: () => fault,
    refusals,
  };
};

export const refusalText = ({ reason, exception, citation, late: days }: z.infer<typeof refusalSchema>): string =>
  canonicalJson({ reason, exception, citation, late: days });

const parse = (line: Buffer): unknown => {
  try {
    return JSON.parse(decodeUtf8(line) ?? "");
  } catch {
    return undefined;
  }
};
