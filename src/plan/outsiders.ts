import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { mayChange } from "#plan/reach.ts";

/** Rows that no rule speaks of refer to rows that go or change: the database would refuse that, or take them along (I6). */
export const outsiderFindings = (policy: Policy, catalog: Catalog): readonly Finding[] =>
  catalog.outsiders
    .filter(({ references }) => mayChange(policy, references) || policy.tables[references]?.expiry !== undefined)
    .map(({ table, name, references }): Finding => {
      const whole = [...catalog.tables.values()].find(({ partitions }) => partitions.includes(table));
      const place = policy.placeOf(["tables", references]);
      return whole === undefined
        ? {
            code: "POLICY_TABLE_UNCOVERED",
            message: `table ${table} refers to ${references} (${name}) and is outside the store's schemas`,
            place,
            hint: `list its schema under the store's \`schemas\` in the configuration, and add a rule for ${table}`,
          }
        : {
            code: "STORE_UNSUPPORTED",
            message: `partition ${table} refers to ${references} by a foreign key of its own (${name}): rules are for ${whole.name} as a whole`,
            place,
            hint: `declare the foreign key on ${whole.name}, or drop it and let a link of the policy say so`,
          };
    });
