import type { Temporal } from "temporal-polyfill";
import type { Controller } from "#config.ts";
import { readText } from "#lib/read-text.ts";
import { nowhere } from "#policy/classes.ts";
import { readLaw } from "#policy/law.ts";
import { readHierarchyFiles } from "#policy/hierarchy-files.ts";
import { documentOf, policyFrom } from "#policy/parse.ts";
import type { Policy } from "#policy/policy.ts";

/** Whose policy it is, and the day on which it is to hold: retention classes are those of the law in force then. */
export type Holder = {
  readonly controller: Pick<Controller, "country" | "sector" | "fiscalYearBegins"> &
    Partial<Pick<Controller, "timeZone">>;
  readonly on: Temporal.PlainDate;
};

/** Reads and parses a policy file, and the mapping files that it names. Throws `POLICY_MISSING` or `POLICY_INVALID`. Without a holder it knows of no law. */
export const loadPolicy = async (file: string, holder?: Holder): Promise<Policy> => {
  const text = await readText(file, {
    what: "policy",
    missing: "POLICY_MISSING",
    invalid: "POLICY_INVALID",
    hint: "check the store's `policy` in the configuration, or draft one with `lethe init <postgres-url>`",
  });
  const document = documentOf(file, text);
  const hierarchies = await readHierarchyFiles(document.value, document, file);
  if (holder === undefined) return policyFrom(file, document, nowhere, hierarchies);
  const { country, sector, fiscalYearBegins: yearBegins, timeZone } = holder.controller;
  const under = { versions: readLaw(), country, sector, yearBegins, on: holder.on };
  return policyFrom(file, document, timeZone === undefined ? under : { ...under, timeZone }, hierarchies);
};
