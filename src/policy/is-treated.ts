import type { TableRule } from "#policy/policy.ts";

/** Whether rows of the table may change or go: because somebody asks, or because their time is over. */
export const isTreated = (rule: TableRule | undefined): boolean =>
  rule !== undefined && (rule.treatment !== "keep" || rule.expiry !== undefined);
