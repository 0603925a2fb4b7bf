import { formatPlace } from "#lib/errors.ts";
import type { Finding } from "#plan/finding.ts";
import { checkPolicies, type PolicyCheck } from "#policy-check.ts";
import { policyText, type PolicyParts } from "#test/execute/night.ts";
import { testContext, type TestContext, type TestContextOptions } from "#test/support/context.ts";

export type Checked = {
  readonly opened: TestContext;
  readonly policy: string;
  readonly check: PolicyCheck;
  /** `line code message → hint` of each finding, the line as it stands in the policy. */
  readonly lines: readonly string[];
};

/** What `lethe policy check` finds in a fresh store; dispose of `opened`. */
export const checkFresh = async (
  schema: string,
  parts: PolicyParts,
  store?: TestContextOptions["store"],
): Promise<Checked> => {
  const policy = policyText(parts);
  const opened = await testContext({ schema, policy, ...(store === undefined ? {} : { store }) });
  const [check] = await checkPolicies(opened.context);
  if (check === undefined) throw new Error("no store");
  return { opened, policy, check, lines: check.findings.map((finding) => lineOf(policy, finding)) };
};

const lineOf = (policy: string, { code, message, place, hint }: Finding): string => {
  const line = policy.split("\n")[(place.line ?? 0) - 1] ?? formatPlace(place);
  return `${line.slice((place.column ?? 1) - 1)} | ${code} ${message} → ${hint}`;
};
