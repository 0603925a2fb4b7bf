import { readText } from "#lib/read-text.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { Policy } from "#policy/policy.ts";
import { readStatutes } from "#policy/statutes.ts";

/**
 * Reads and parses a policy file. `country`, two capital letters, is where the controller is: its law says how long accounting
 * records stay. Throws `POLICY_MISSING` or `POLICY_INVALID`.
 */
export const loadPolicy = async (file: string, country?: string): Promise<Policy> => {
  const text = await readText(file, {
    what: "policy",
    missing: "POLICY_MISSING",
    invalid: "POLICY_INVALID",
    hint: "check the store's `policy` in the configuration, or draft one with `lethe init <postgres-url>`",
  });
  const statute = country === undefined ? undefined : (await readStatutes())[country];
  const inCountry = (policy: Policy): Policy => ({
    ...policy,
    statute,
    withOptions: (options) => inCountry(policy.withOptions(options)),
  });
  return inCountry(parsePolicy(file, text));
};
