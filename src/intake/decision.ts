import { createHmac } from "node:crypto";
import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { mayBecome, type RequestState } from "#records/request.ts";

/** What a person can decide about a request, with the state it leads to. */
export const decisions = {
  approve: "approved",
  refuse: "refused",
  withdraw: "withdrawn",
  hold: "held",
  release: "approved",
} as const satisfies Record<string, RequestState>;

export type Decision = keyof typeof decisions;

/** Why a request is refused: a closed list, so that neither ledger nor report carries free text about a person. */
export const refusalReasons = [
  "manifestly-unfounded", // Art. 12(5)
  "excessive", // Art. 12(5)
  "identity-not-proven", // Art. 12(2), 12(6)
  "not-a-data-subject", // Art. 11(2)
  "freedom-of-expression", // Art. 17(3)(a)
  "legal-obligation", // Art. 17(3)(b)
  "public-interest", // Art. 17(3)(b)
  "public-health", // Art. 17(3)(c)
  "archiving-or-research", // Art. 17(3)(d)
  "legal-claims", // Art. 17(3)(e)
  "purpose-not-allowed", // the policy is for other purposes
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/**
 * Whether a person may decide so now. Approval starts from what waits for one; releasing, only from a hold; a request
 * whose data is being erased at this moment can no longer be stopped.
 */
export const mayDecide = (decision: Decision, state: RequestState): boolean => {
  switch (decision) {
    case "approve":
      return approvable.includes(state);
    case "release":
      return state === "held";
    case "refuse":
    case "withdraw":
    case "hold":
      return mayBecome(state, decisions[decision]);
  }
};

/** `blocked` and `failed` may be tried again once somebody has removed the cause. */
export const approvable: readonly RequestState[] = ["received", "verified", "blocked", "failed"];

/** Throws `REQUEST_STATE`, which names the request's state and what can be done with it instead. */
export const requireDecision = (decision: Decision, { ref, state }: { ref: string; state: RequestState }): void => {
  if (mayDecide(decision, state)) return;
  const possible = (Object.keys(decisions) as Decision[]).filter((other) => mayDecide(other, state));
  throw new LetheError("REQUEST_STATE", `request ${ref} is ${state}: you cannot ${decision} it`, {
    hint: possible.length === 0 ? "nothing can be decided about it now" : `possible now: ${possible.join(", ")}`,
  });
};

/**
 * How the ledger names who decided: the first 16 hexadecimal digits of HMAC-SHA256 under the pseudonym key. The name
 * itself stays in the register, which the controller can correct; the ledger can only grow.
 */
export const decider = (ctx: Pick<Context, "keys">, name: string): string =>
  createHmac("sha256", ctx.keys.pseudonym).update(name.normalize("NFC")).digest("hex").slice(0, 16);
