import { z } from "zod";
import { decodeUtf8 } from "#evidence/canonical-file.ts";
import { canonicalJson, sha256Hex } from "#lib/canonical.ts";
import { outcomes, type Outcome, type StayingData } from "#records/treatment.ts";

const stay = z.object({
  store: z.string(),
  table: z.string(),
  column: z.string(),
  rows: z.number(),
  why: z.string(),
  until: z.string().nullable(),
});

const entrySchema = z.object({
  kind: z.enum(["request.erased", "request.archived", "request.reopened"]),
  request: z.string(),
  run: z.string().nullable(),
  outcomes: z.record(z.string(), z.enum(outcomes)).optional(),
  stays: z.array(stay).optional(),
});

/** What an entry declares of a request: its outcome by store, and a digest of the personal data that stays. */
export type Declaration = { readonly outcomes: ReadonlyMap<string, Outcome>; readonly stays: string };

export type Declarations = {
  /** Takes every entry in order; most say nothing of an end. */
  readonly take: (line: Buffer) => void;
  /** What the given runs declared, the last word about each request; one that was opened again is not among them. */
  readonly by: (runs: ReadonlySet<string>) => ReadonlyMap<string, Declaration>;
};

/** An entry is only parsed where its bytes name one of these kinds: a ledger has many others. */
const kinds = ["erased", "archived", "reopened"].map((kind) => Buffer.from(`"kind":"request.${kind}"`));

export const declarations = (): Declarations => {
  const entries: { run: string | null; request: string; declares: Declaration | undefined }[] = [];
  return {
    take: (line) => {
      if (!kinds.some((kind) => line.includes(kind))) return;
      const parsed = entrySchema.safeParse(parse(line));
      if (!parsed.success) return;
      const { run, request, kind, outcomes: ends, stays } = parsed.data;
      if (kind !== "request.reopened" && ends === undefined) return;
      const declares = ends && { outcomes: new Map(Object.entries(ends)), stays: digestOfStays(stays ?? []) };
      entries.push({ run, request, declares });
    },
    by: (runs) => {
      const last = new Map<string, Declaration>();
      for (const { run, request, declares } of entries) {
        if (run === null || !runs.has(run)) continue;
        if (declares === undefined) last.delete(request);
        else last.set(request, declares);
      }
      return last;
    },
  };
};

/** The same for the same places, in whatever order they are told. */
export const digestOfStays = (stays: readonly StayingData[]): string =>
  sha256Hex(
    stays
      .map(({ store, table, column, rows, why, until }) => canonicalJson({ store, table, column, rows, why, until }))
      .toSorted()
      .join("\n"),
  );

const parse = (line: Buffer): unknown => {
  try {
    return JSON.parse(decodeUtf8(line) ?? "");
  } catch {
    return undefined;
  }
};
