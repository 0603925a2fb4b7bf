import type { Policy } from "#policy/policy.ts";
import { isAccountingRecord } from "#policy/accounting-record.ts";
import type { Finding } from "#plan/finding.ts";

/**
 * Accounting records are not a policy's to erase while a statute holds them, unless it states who decided so: Art. 17(3)(b) GDPR
 * excepts them from erasure, and the books cannot be made again.
 */
export const statutoryFindings = (policy: Policy): readonly Finding[] =>
  Object.entries(policy.tables).flatMap(([table, rule]): readonly Finding[] => {
    if (rule.treatment !== "erase" || rule.decided !== undefined || !isAccountingRecord(table)) return [];
    return [
      {
        code: "POLICY_STATUTORY",
        message: `${table} holds accounting records, by its name, and is erased: ${lawOf(policy)}`,
        place: policy.placeOf(["tables", table, "treatment"]),
        hint: "retain the table under a class, or state who decided so: decided: { by: …, on: …, why: … }",
      },
    ];
  });

const lawOf = ({ statute, classes }: Policy): string => {
  const rules = statute === undefined ? Object.values(classes) : [statute];
  const [rule] = rules;
  return rule === undefined
    ? "accounting law keeps such records for years (policies/retention-classes.yaml)"
    : `${rule.basis} keeps such records for ${rule.period}`;
};
