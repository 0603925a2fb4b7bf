import type { Catalog } from "#catalog/catalog.ts";
import { isTreated } from "#policy/is-treated.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { isRemedied, type Reach } from "#plan/reach.ts";

/**
 * A statement on a table is one on every table that inherits from it, whatever the rules of those say, and a key is unique in each of them alone: a
 * living person's row may have the same. Nobody but the company knows which of the rules it means.
 */
export const inheritanceFindings = (policy: Policy, catalog: Catalog, found: Reach): readonly Finding[] => {
  const counted = Object.values(policy.tables).flatMap((rule) =>
    rule.treatment === "anonymise" && rule.aggregate !== undefined ? [rule.aggregate.into] : [],
  );
  const isMet = (name: string): boolean =>
    found.levels.has(name) || isTreated(policy.tables[name]) || isRemedied(policy, name) || counted.includes(name);
  return catalog.heirs.flatMap(({ table, from }): readonly Finding[] => {
    const met = [from, table].find(isMet);
    if (met === undefined) return [];
    return [
      {
        code: "STORE_UNSUPPORTED",
        message: `table ${table} inherits from ${from}: what is done to rows of ${from} would be done to its rows, too`,
        place: policy.placeOf(["tables", met]),
        hint: `let it stand alone (ALTER TABLE ${table} NO INHERIT ${from}), or make its rows a partition of ${from}`,
      },
    ];
  });
};
