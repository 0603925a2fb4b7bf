import type { ErrorCode } from "#lib/error-codes.ts";
import { formatPlace, LetheError, type Place } from "#lib/errors.ts";

/** One thing that is wrong between a policy and a store. */
export type Finding = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: Place;
  readonly hint: string;
};

/** Fails closed with all findings (I1): the first gives code and place, every one is listed. */
export const refuse = (store: string, findings: readonly Finding[]): never => {
  const [first] = findings;
  if (first === undefined) throw new TypeError("nothing to refuse");
  const rest = findings
    .slice(1)
    .map((finding) => `\n  ${formatPlace(finding.place)} ${finding.code} ${finding.message}`);
  const more = findings.length === 1 ? "" : ` (and ${findings.length - 1} more)${rest.join("")}`;
  throw new LetheError(first.code, `store ${store}: ${first.message}${more}`, { place: first.place, hint: first.hint });
};
