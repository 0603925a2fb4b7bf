import type { z } from "zod";
import type { Certified, CertifiedEntry, endedRecords, residualPlace } from "#evidence/certified-entries.ts";

// What a certificate of erasure says of its request is computed from ledger entries, by whoever makes it and again by whoever verifies it: it can
// say nothing that they do not.

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
    readonly exceptions: Certified<"exceptions.listed">["exceptions"];
  }[];
  readonly copies: readonly Pick<Certified<"request.exported">, "at" | "store" | "sha256" | "bytes" | "rows">[];
  /** Searches after a change that found something: where, and when. It was gone before the request could be done. */
  readonly residuals: readonly { readonly at: string; readonly places: z.infer<typeof residualPlace>[] }[];
  /** When, and in which run, the stores had been searched and nothing was found. */
  readonly verified: { readonly at: string; readonly run: string | null };
  /** The runs that worked on it, by which program and which policies: their digests by store. */
  readonly runs: readonly Pick<Certified<"run.started">, "run" | "at" | "tool" | "policies">[];
  readonly outcomes: Certified<"request.erased">["outcomes"];
  readonly dispositions: Certified<"request.erased">["dispositions"];
  readonly remedied: Certified<"request.erased">["remedied"];
  readonly stays: Certified<"request.erased">["stays"];
  /** Retained records whose period is over: found no more. */
  readonly ended: readonly (z.infer<typeof endedRecords> & { readonly at: string })[];
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
  /**
   * Stores that were taken back since it was done, to which time, and when everybody was erased again whom that had brought back, but for those of
   * whom a person `refused` it.
   */
  readonly restored: readonly {
    readonly store: string;
    readonly asOf: string;
    readonly at: string;
    readonly released: string;
    readonly refused: number;
  }[];
  /** The newest inventories that are quoted, by repository; of a completed request those of the run that completed it. */
  readonly inventories: readonly Pick<
    Certified<"backup.inventory">,
    "at" | "run" | "repository" | "sets" | "bytes" | "oldest" | "log" | "digest" | "verified"
  >[];
};

/**
 * Computes the facts from entries in the order of the ledger. Undefined for a request that they do not tell to be done: not erased yet, opened
 * again since, or in a store that was restored since and is not released.
 */
export const factsOf = (entries: readonly CertifiedEntry[]): CertificateFacts | undefined => {
  const all = <Kind extends CertifiedEntry["kind"]>(kind: Kind): readonly Certified<Kind>[] =>
    entries.filter((entry): entry is Certified<Kind> => entry.kind === kind);
  // Who is opened again is recorded anew.
  const reopened = entries.findLastIndex(({ kind }) => kind === "request.reopened");
  const later = <Kind extends CertifiedEntry["kind"]>(kind: Kind): readonly Certified<Kind>[] =>
    entries.slice(reopened + 1).filter((entry): entry is Certified<Kind> => entry.kind === kind);
  const received = all("request.received")[0];
  const turns = entries.filter(({ kind }) => turning.has(kind));
  const end = turns.findLast((entry) => entry.kind === "request.erased" || entry.kind === "request.archived");
  const last = turns.at(-1);
  if (received === undefined || end === undefined || last?.kind === "request.reopened") return undefined;
  const restored = restoresSince(entries.slice(entries.lastIndexOf(end) + 1));
  if (restored === undefined) return undefined;
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
    restored,
    inventories: inventoriesOf(
      all("backup.inventory").filter(({ run }) => completed === undefined || run === completed.run),
    ),
  };
};

/** Undefined while one of them is not released: then the person may be back. */
const restoresSince = (later: readonly CertifiedEntry[]): CertificateFacts["restored"] | undefined => {
  const restored = later.flatMap((entry, index) => {
    if (entry.kind !== "store.restored") return [];
    const { store, asOf, at } = entry;
    const released = later
      .slice(index)
      .find((each): each is Certified<"store.released"> => each.kind === "store.released" && each.store === store);
    return [{ store, asOf, at, release: released }];
  });
  const whole = restored.flatMap(({ release, ...rest }) =>
    release === undefined ? [] : [{ ...rest, released: release.at, refused: release.refused }],
  );
  return whole.length === restored.length ? whole : undefined;
};

const inventoriesOf = (inventories: readonly Certified<"backup.inventory">[]): CertificateFacts["inventories"] =>
  [...new Map(inventories.map((entry) => [entry.repository, entry])).values()].map(
    ({ at, run, repository, sets, bytes, oldest, log, digest, verified: good }) => {
      const listed = { at, run, repository, sets, bytes, oldest, log, digest };
      return { ...listed, verified: good };
    },
  );

const turning: ReadonlySet<string> = new Set([
  "request.erased",
  "request.archived",
  "request.reopened",
  "request.completed",
]);

const recipientsOf = (
  recorded: readonly Certified<"task.recorded">[],
  settled: readonly Certified<"task.settled">[],
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
