import { z } from "zod";
import { exceptionLetters } from "#records/exception.ts";
import { outcomes, treatments } from "#records/treatment.ts";

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
  exception: z.enum(exceptionLetters).optional(),
  restricted: z.boolean().optional(),
});
const remedied = z.object({ store: text, code: text, table: text, action: text, rows: count });
const stay = z.object({ store: text, table: text, column: text, rows: count, why: text, until: day.nullable() });
export const endedRecords = z.object({
  store: text,
  table: text,
  rows: count,
  basis: text.optional(),
  as: text,
  until: day,
});
export const residualPlace = z.object({ store: text, table: text, column: text, rows: count });
const verified = z.object({ name: text, sha256: text });
const done = {
  request: text,
  outcomes: z.record(text, z.enum(outcomes)),
  dispositions: z.array(disposition),
  remedied: z.array(remedied),
  stays: z.array(stay),
};

const meta = z.object({ at: text, run: text.nullable() });

/** The kinds of entries of which a certificate tells. */
const entrySchema = z.discriminatedUnion("kind", [
  meta.extend({ kind: z.literal("run.started"), job: text, tool: text, policies: z.record(text, text) }),
  meta.extend({
    kind: z.literal("request.received"),
    request: text,
    received: day,
    due: day,
    basis: text,
    purpose: text,
  }),
  meta.extend({
    kind: z.literal("request.extended"),
    request: text,
    due: day,
    basis: text,
    reason: text,
    noticed: day,
  }),
  meta.extend({ kind: z.literal("exceptions.listed"), digest: text, exceptions: z.array(exception) }),
  meta.extend({
    kind: z.literal("request.approved"),
    request: text,
    plan: text,
    ground: text.optional(),
    exceptions: text.optional(),
  }),
  meta.extend({
    kind: z.literal("request.exported"),
    request: text,
    store: text,
    sha256: text,
    bytes: count,
    rows: count,
  }),
  meta.extend({ kind: z.literal("request.erasing"), request: text, store: text, plan: text }),
  meta.extend({
    kind: z.literal("request.failed"),
    request: text,
    code: text,
    residuals: z.array(residualPlace).optional(),
  }),
  meta.extend({ kind: z.literal("request.reopened"), request: text, store: text, code: text }),
  meta.extend({ kind: z.literal("request.erased"), ...done, clear: day.nullable() }),
  meta.extend({ kind: z.literal("request.archived"), ...done }),
  meta.extend({
    kind: z.literal("task.recorded"),
    request: text,
    store: text,
    recipient: text,
    task: text,
    tasks: count,
  }),
  meta.extend({ kind: z.literal("task.settled"), request: text, recipient: text, task: text, state: text }),
  meta.extend({
    kind: z.literal("retention.ended"),
    request: text,
    records: z.array(endedRecords),
    complete: z.boolean(),
  }),
  meta.extend({ kind: z.literal("request.completed"), request: text }),
  meta.extend({
    kind: z.literal("backup.inventory"),
    repository: text,
    digest: text,
    sets: count,
    bytes: count,
    oldest: text.nullable(),
    log: z.object({ since: text, until: text }).nullable(),
    verified: verified.nullable(),
  }),
  meta.extend({ kind: z.literal("store.restored"), store: text, asOf: text }),
  meta.extend({ kind: z.literal("store.released"), store: text, refused: count }),
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

/** An entry of one kind. */
export type Certified<Kind extends CertifiedEntry["kind"]> = Extract<CertifiedEntry, { readonly kind: Kind }>;
