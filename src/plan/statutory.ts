import { durationText } from "#lib/duration-text.ts";
import type { Policy } from "#policy/policy.ts";
import { isAccountingRecord } from "#policy/accounting-record.ts";
import type { Finding } from "#plan/finding.ts";

/**
 * Accounting records are not a policy's to erase while a statute holds them, unless it states who decided so: Art. 17(3)(b) GDPR
 * excepts them from erasure, and the books cannot be made again. A remedy that removes them erases them too.
 */
export const statutoryFindings = (policy: Policy): readonly Finding[] => [
  // What `lethe init` drafts for a country whose law it does not know.
  ...Object.entries(policy.classes).flatMap(([name, { basis }]): readonly Finding[] => {
    if (!/^(unknown|none|n\/?a|tbd|todo|-)$/i.test(basis.trim())) return [];
    return [
      {
        code: "POLICY_STATUTORY",
        message: `class ${name} has no citation: nothing is retained without one`,
        place: policy.placeOf(["classes", name, "basis"]),
        hint: "name the statute and paragraph that demand it, as reports are to cite it: `HGB §257`",
      },
    ];
  }),
  ...Object.entries(policy.tables).flatMap(([table, rule]): readonly Finding[] => {
    if (rule.treatment !== "erase" || rule.decided !== undefined || !isAccountingRecord(table)) return [];
    return [
      {
        code: "POLICY_STATUTORY",
        message: `${table} holds accounting records, by its name, and is erased: ${lawOf(policy)}`,
        place: policy.placeOf(["tables", table, "treatment"]),
        hint: "retain the table under a class, or state who decided so: decided: { by: …, on: …, why: … }",
      },
    ];
  }),
  ...policy.blockers.flatMap(({ code, table, remedy }, index): readonly Finding[] => {
    // Of a table that is erased or retained the rule answers already.
    const treatment = policy.tables[table]?.treatment;
    if (remedy?.kind !== "remove" || treatment === "erase" || treatment === "retain" || !isAccountingRecord(table)) {
      return [];
    }
    return [
      {
        code: "POLICY_STATUTORY",
        message: `the remedy of ${code} removes rows of ${table}, which holds accounting records, by its name: ${lawOf(policy)}`,
        place: policy.placeOf(["blockers", index, "then", "remove"]),
        hint: "let it block, or unlink the rows from whom they must not lead to",
      },
    ];
  }),
];

/** The country's law where it is known; else what the policy itself says of such records. */
const lawOf = ({ statute, classes, tables }: Policy): string => {
  const said = Object.entries(tables).flatMap(([table, rule]) =>
    rule.treatment === "retain" && isAccountingRecord(table) ? (classes[rule.class] ?? []) : [],
  );
  if (statute !== undefined) return `${statute.citation} keeps such records for ${durationText(statute.period)}`;
  const rule = said[0] ?? Object.values(classes)[0];
  return rule === undefined
    ? "accounting law keeps such records for years (policies/retention-classes.yaml)"
    : `${rule.basis} keeps such records for ${durationText(rule.period)}`;
};
