import type { OpenRequest } from "#intake/open-requests.ts";
import type { RowCode } from "#intake/rejections.ts";
import type { Entrant } from "#intake/row.ts";
import { requestReference, type Random } from "#lib/random.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { RegimeName } from "#records/controller.ts";
import type { Ground, Identifier } from "#records/request.ts";

export type Outcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "repeated" }
  | { readonly kind: "rejected"; readonly code: RowCode };

/** A request that entrants come to: one that is opened here, or an open one that they repeat. */
export type Target = {
  /** Undefined until a new request has been inserted. */
  id: number | undefined;
  readonly ref: string;
  /** Position among all targets: the oldest wins when an entrant names several. */
  readonly rank: number;
  /** May still take further identifiers: nobody has approved it yet. */
  readonly unsettled: boolean;
  /** Identifiers to add. */
  readonly further: Identifier[];
  repeats: number;
  /** Earliest receipt among the entrants that came to it here, with its deadline. */
  receivedOn: string;
  dueOn: string;
  readonly basis: string;
  readonly regime: RegimeName;
  confirmOn: string | undefined;
  readonly ground: Ground | undefined;
  readonly purpose: string;
};

export type Assignment = {
  readonly outcomes: readonly { readonly outcome: Outcome; readonly target: Target | undefined }[];
  readonly opened: readonly Target[];
  /** Of the register, repeated at least once. */
  readonly joined: readonly Target[];
  readonly events: readonly LedgerEvent[];
};

/**
 * Decides for each entrant, in order, whether it opens a request or repeats one: an open request in the register or an
 * entrant before it that has the same purpose and shares an identifier. An entrant that shares with several repeats the oldest.
 *
 * Further identifiers of a repeat join the request until somebody approves it. After that they would change what was
 * approved (I2), so the entrant is turned away rather than half heard.
 */
export const assign = (
  entrants: readonly Entrant[],
  open: readonly OpenRequest[],
  source: string,
  random: Random,
): Assignment => {
  const owners = new Map<string, Target>();
  const known = new Map<number, Target>();
  const opened: Target[] = [];
  const events: LedgerEvent[] = [];
  for (const request of open) {
    const target = known.get(request.id) ?? existing(request, known.size);
    known.set(request.id, target);
    const name = nameOf(request.purpose, request);
    if (!owners.has(name)) owners.set(name, target);
  }

  const settle = (entrant: Entrant): { outcome: Outcome; target: Target | undefined } => {
    const { purpose } = entrant;
    const owned = entrant.identifiers.flatMap((identifier) => owners.get(nameOf(purpose, identifier)) ?? []);
    const further = entrant.identifiers.filter((identifier) => !owners.has(nameOf(purpose, identifier)));
    const target = owned.toSorted((a, b) => a.rank - b.rank)[0];
    if (target !== undefined && further.length > 0 && !target.unsettled) {
      return { outcome: { kind: "rejected", code: "REQUEST_UNDER_WAY" }, target: undefined };
    }
    const chosen = target ?? fresh(entrant, known.size + opened.length, random);
    for (const identifier of further) owners.set(nameOf(purpose, identifier), chosen);
    chosen.further.push(...further);
    if (target === undefined) {
      opened.push(chosen);
      events.push(receipt(chosen, source));
      return { outcome: { kind: "accepted" }, target: chosen };
    }
    repeat(chosen, entrant);
    events.push({ kind: "request.repeated", request: chosen.ref, received: entrant.receivedOn });
    return { outcome: { kind: "repeated" }, target: chosen };
  };

  const outcomes = entrants.map(settle);
  return { outcomes, opened, joined: [...known.values()].filter(({ repeats }) => repeats > 0), events };
};

/** Who asks for something else, asks anew: it may be allowed where the other is refused. */
const nameOf = (purpose: string, { kind, value }: { kind: string; value: string }): string =>
  `${purpose} ${kind}:${value}`;

const existing = ({ id, ref, state, purpose }: OpenRequest, rank: number): Target => ({
  id,
  ref,
  rank,
  unsettled: state === "received" || state === "verified",
  further: [],
  repeats: 0,
  receivedOn: "9999-12-31",
  dueOn: "9999-12-31",
  basis: "",
  regime: "gdpr",
  confirmOn: undefined,
  ground: undefined,
  purpose,
});

const fresh = (entrant: Entrant, rank: number, random: Random): Target => ({
  id: undefined,
  ref: requestReference(random),
  rank,
  unsettled: true,
  further: [],
  repeats: 0,
  receivedOn: entrant.receivedOn,
  dueOn: entrant.dueOn,
  basis: entrant.basis,
  regime: entrant.regime,
  confirmOn: entrant.confirmOn,
  ground: entrant.ground,
  purpose: entrant.purpose,
});

const repeat = (target: Target, entrant: Entrant): void => {
  target.repeats += 1;
  if (entrant.receivedOn >= target.receivedOn) return;
  target.receivedOn = entrant.receivedOn;
  target.dueOn = entrant.dueOn;
};

const receipt = ({ ref, receivedOn, dueOn, basis, purpose }: Target, source: string): LedgerEvent => ({
  kind: "request.received",
  request: ref,
  received: receivedOn,
  due: dueOn,
  basis,
  source,
  purpose,
});
