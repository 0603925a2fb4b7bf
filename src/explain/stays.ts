import type { TableRule } from "#policy/policy.ts";

/** Why a column's personal data stays, where the policy says that it does. */
export const staysOnPurpose = (rule: TableRule | undefined, column: string): string | undefined => {
  if (rule === undefined || rule.treatment === "erase") return undefined;
  if (rule.treatment === "keep") return rule.personal.includes(column) ? rule.reason : undefined;
  const transform = rule.columns[column];
  return transform?.kind === "stays" ? transform.why : undefined;
};
