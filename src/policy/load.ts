import { readText } from "#lib/read-text.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { Policy } from "#policy/policy.ts";

/** Reads and parses a policy file. Throws `POLICY_MISSING` or `POLICY_INVALID`. */
export const loadPolicy = async (file: string): Promise<Policy> => {
  const text = await readText(file, {
    what: "policy",
    missing: "POLICY_MISSING",
    invalid: "POLICY_INVALID",
    hint: "check the store's `policy` in the configuration, or draft one with `lethe init <postgres-url>`",
  });
  return parsePolicy(file, text);
};
