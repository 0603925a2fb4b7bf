import { z } from "zod";
import { outcomes, treatments } from "#records/treatment.ts";

// What a certificate of erasure says of its request is computed from ledger entries, by whoever makes it and again by whoever verifies it: it can
// say nothing that they do not.

const text = z.string();
const count = z.int().nonnegative();
const day = z.string();

const exception = z.object({ store: text, table: text, exception: text, basis: text, class: text });
const disposition = z.object({
  store: text,
  table: text,
  treatment: z.enum(treatments),
  rows: count,
  spared: count,
  basis: text.optional(),
  until: z.object({ first: day, last: day }).optional(),
  exception: text.optional(),
  restricted: z.boolean().optional(),
});
const remedied = z.object({ store: text, code: text, table: text, action: text, rows: count });
const stay = z.object({ store: text, table: text, column: text, rows: count, why: text, until: day.nullable() });
const ended = z.object({ store: text, table: text, rows: count, basis: text.optional(), as: text, until: day });
const residual = z.object({ store: text, table: text, column: text, rows: count });
const verified = z.object({ name: text, sha256: text });
const done = {
  request: text,
  outcomes: z.record(text, z.enum(outcomes)),
  dispositions: z.array(disposition),
  remedied: z.array(remedied),
  stays: z.array(stay),
};

const meta = z.object({ at: text, run: text.nullable() });
const event = <Kind extends string, Shape extends z.core.$ZodLooseShape>(kind: Kind, shape: Shape) =>
  meta.extend({ kind: z.literal(kind), ...shape });

/** The kinds of entries of which a certificate tells. */
const entrySchema = z.discriminatedUnion("kind", [
  event("run.started", { job: text, tool: text, policies: z.record(text, text) }),
  event("request.received", { request: text, received: day, due: day, basis: text, purpose: text }),
  event("request.extended", { request: text, due: day, basis: text, reason: text, noticed: day }),
  event("exceptions.listed", { digest: text, exceptions: z.array(exception) }),
  event("request.approved", { request: text, plan: text, ground: text.optional(), exceptions: text.optional() }),
  event("request.exported", { request: text, store: text, sha256: text, bytes: count, rows: count }),
  event("request.erasing", { request: text, store: text, plan: text }),
  event("request.failed", { request: text, code: text, residuals: z.array(residual).optional() }),
  event("request.reopened", { request: text, store: text, code: text }),
  event("request.erased", { ...done, clear: day.nullable() }),
  event("request.archived", done),
  event("task.recorded", { request: text, store: text, recipient: text, task: text, tasks: count }),
  event("task.settled", { request: text, recipient: text, task: text, state: text }),
  event("retention.ended", { request: text, records: z.array(ended), complete: z.boolean() }),
  event("request.completed", { request: text }),
  event("backup.inventory", {
    repository: text,
    digest: text,
    sets: count,
    bytes: count,
    oldest: text.nullable(),
    log: z.object({ since: text, until: text }).nullable(),
    verified: verified.nullable(),
  }),
]);

export type CertifiedEntry = z.infer<typeof entrySchema>;

export const certifiedKinds: readonly CertifiedEntry["kind"][] = entrySchema.options.map(
  ({ shape }) => shape.kind.value,
);

/** The entry of a body; undefined for what is none of which a certificate tells. */
export const parseCertified = (body: string): CertifiedEntry | undefined => {
  try {
    return entrySchema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
};

type Of<Kind extends CertifiedEntry["kind"]> = Extract<CertifiedEntry, { readonly kind: Kind }>;

/** What became of a request, as its ledger entries tell it. */
export type CertificateFacts = {
  /** `completed`: erased, and in no backup any more. `archived`: done, though the policy leaves the person's own row. */
  readonly state: "erased" | "archived" | "completed";
  readonly received: string;
  readonly due: string;
  readonly basis: string;
  readonly purpose: string;
  readonly extended: { readonly reason: string; readonly noticed: string } | null;
  readonly approved: readonly {
    readonly at: string;
    readonly plan: string;
    readonly ground: string | null;
    /** What it leaves in place by Art. 17(3) GDPR. */
    readonly exceptions: Of<"exceptions.listed">["exceptions"];
  }[];
  readonly copies: readonly Pick<Of<"request.exported">, "at" | "store" | "sha256" | "bytes" | "rows">[];
  /** Searches after a change that found something: where, and when. It was gone before the request could be done. */
  readonly residuals: readonly { readonly at: string; readonly places: z.infer<typeof residual>[] }[];
  /** When, and in which run, the stores had been searched and nothing was found. */
  readonly verified: { readonly at: string; readonly run: string | null };
  /** The runs that worked on it, by which program and which policies: their digests by store. */
  readonly runs: readonly Pick<Of<"run.started">, "run" | "at" | "tool" | "policies">[];
  readonly outcomes: Of<"request.erased">["outcomes"];
  readonly dispositions: Of<"request.erased">["dispositions"];
  readonly remedied: Of<"request.erased">["remedied"];
  readonly stays: Of<"request.erased">["stays"];
  /** Retained records whose period is over: found no more. */
  readonly ended: readonly (z.infer<typeof ended> & { readonly at: string })[];
  readonly recipients: readonly {
    readonly recipient: string;
    readonly task: string;
    readonly asked: number;
    readonly done: number;
    readonly failed: number;
  }[];
  /** The last day of its backups, as it was foreseen when it was done; null where the store has none, or it is `archived`. */
  readonly clear: string | null;
  readonly completed: string | null;
  /** The newest inventories that are quoted, by repository. */
  readonly inventories: readonly Pick<
    Of<"backup.inventory">,
    "at" | "run" | "repository" | "sets" | "bytes" | "oldest" | "log" | "digest" | "verified"
  >[];
};

/**
 * Computes the facts from entries in the order of the ledger. Undefined for a request that they do not tell to be done: not erased yet, or opened
 * again since.
 */
export const factsOf = (entries: readonly CertifiedEntry[]): CertificateFacts | undefined => {
  const all = <Kind extends CertifiedEntry["kind"]>(kind: Kind): readonly Of<Kind>[] =>
    entries.filter((entry): entry is Of<Kind> => entry.kind === kind);
  // Who is opened again is recorded anew.
  const reopened = entries.findLastIndex(({ kind }) => kind === "request.reopened");
  const later = <Kind extends CertifiedEntry["kind"]>(kind: Kind): readonly Of<Kind>[] =>
    entries.slice(reopened + 1).filter((entry): entry is Of<Kind> => entry.kind === kind);
  const received = all("request.received")[0];
  const turns = entries.filter(({ kind }) => turning.has(kind));
  const end = turns.findLast((entry) => entry.kind === "request.erased" || entry.kind === "request.archived");
  const last = turns.at(-1);
  if (received === undefined || end === undefined || last?.kind === "request.reopened") return undefined;
  const lists = new Map(all("exceptions.listed").map(({ digest, exceptions }) => [digest, exceptions]));
  const extended = all("request.extended").at(-1);
  const completed = last?.kind === "request.completed" ? last : undefined;
  return {
    state: completed === undefined ? (end.kind === "request.erased" ? "erased" : "archived") : "completed",
    received: received.received,
    due: extended?.due ?? received.due,
    basis: extended?.basis ?? received.basis,
    purpose: received.purpose,
    extended: extended === undefined ? null : { reason: extended.reason, noticed: extended.noticed },
    approved: all("request.approved").map(({ at, plan, ground, exceptions }) => ({
      at,
      plan,
      ground: ground ?? null,
      exceptions: lists.get(exceptions ?? "") ?? [],
    })),
    copies: all("request.exported").map(({ at, store, sha256, bytes, rows }) => ({ at, store, sha256, bytes, rows })),
    residuals: all("request.failed").flatMap(({ at, residuals }) => (residuals ? [{ at, places: residuals }] : [])),
    verified: { at: end.at, run: end.run },
    runs: all("run.started").map(({ run, at, tool, policies }) => ({ run, at, tool, policies })),
    outcomes: end.outcomes,
    dispositions: end.dispositions,
    remedied: end.remedied,
    stays: end.stays,
    ended: later("retention.ended").flatMap(({ at, records }) => records.map((record) => ({ ...record, at }))),
    recipients: recipientsOf(later("task.recorded"), later("task.settled")),
    clear: end.kind === "request.erased" ? end.clear : null,
    completed: completed?.at ?? null,
    inventories: [...new Map(all("backup.inventory").map((entry) => [entry.repository, entry])).values()].map(
      ({ at, run, repository, sets, bytes, oldest, log, digest, verified: good }) => ({
        ...{ at, run, repository, sets, bytes, oldest, log, digest },
        verified: good,
      }),
    ),
  };
};

const turning: ReadonlySet<string> = new Set([
  "request.erased",
  "request.archived",
  "request.reopened",
  "request.completed",
]);

const recipientsOf = (
  recorded: readonly Of<"task.recorded">[],
  settled: readonly Of<"task.settled">[],
): CertificateFacts["recipients"] =>
  [...Map.groupBy(recorded, ({ recipient, task }) => JSON.stringify([recipient, task])).values()].flatMap((asked) => {
    const [first] = asked;
    if (first === undefined) return [];
    const { recipient, task } = first;
    const answers = settled.filter((each) => each.recipient === recipient && each.task === task);
    const of = (state: string): number => answers.filter((each) => each.state === state).length;
    const total = asked.reduce((sum, { tasks }) => sum + tasks, 0);
    return [{ recipient, task, asked: total, done: of("done"), failed: of("failed") }];
  });
