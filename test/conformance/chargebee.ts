import { Temporal } from "temporal-polyfill";
import { expect } from "vitest";
import { tonight, type Company } from "#test/conformance/company.ts";

/** The policy with some of its options set so. */
export const options =
  (values: Readonly<Record<string, boolean>>) =>
  (text: string): string =>
    Object.entries(values).reduce((edited, [name, value]) => {
      const changed = edited.replace(new RegExp(`${name}: (true|false)`), `${name}: ${value}`);
      expect(changed).toContain(`${name}: ${value}`);
      return changed;
    }, text);
export const another = { email: "another@example.org" } as const;

export const afterGrace = Temporal.Instant.from(tonight).add({ minutes: 6 }).toString();

/** The night in which the deletion is scheduled, and the one after the minutes are over. */
export const scheduledAndDone = async (company: Company): Promise<void> => {
  await company.nightly();
  await company.nightly(company.at(afterGrace));
};
