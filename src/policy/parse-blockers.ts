import { mapValues } from "#policy/map-values.ts";
import { setTo } from "#policy/parse-rules.ts";
import type { Blocker, Condition, Remedy } from "#policy/policy.ts";
import type { WrittenBlocker, WrittenCondition } from "#policy/schema/document.ts";

/** Whether a line with `if:` counts; the self-check has seen to it that the option exists. */
export type Counts = (option: string | undefined) => boolean;

/** A remedy whose option is false leaves a blocker that blocks. */
export const blockerOf = (written: WrittenBlocker, counts: Counts): Blocker => {
  const { table, ...conditions } = written.when;
  return {
    code: written.code,
    table,
    when: mapValues(conditions, conditionOf),
    whose: written.whose?.split("."),
    other: written.other?.split("."),
    remedy: written.then === "block" || !counts(written.then.if) ? undefined : remedyOf(written.then),
    hint: written.hint,
  };
};

const remedyOf = ({ set, unlink }: Exclude<WrittenBlocker["then"], "block">): Remedy => {
  if (unlink !== undefined) return { kind: "unlink", column: unlink };
  if (set === undefined) return { kind: "remove" };
  return {
    kind: "set",
    columns: mapValues(set, (value) =>
      typeof value === "object" && value !== null ? { kind: "now", when: value.now } : setTo(value),
    ),
  };
};

export const conditionOf = (written: WrittenCondition): Condition => {
  if (Array.isArray(written)) return { in: written };
  if (typeof written !== "object") return { in: [written] };
  const { is_null: isNull, ...comparisons } = written;
  if (isNull !== undefined) return { isNull };
  for (const compare of ["gt", "gte", "lt", "lte", "not"] as const) {
    const value = comparisons[compare];
    if (value !== undefined) return { compare, value };
  }
  throw new TypeError("a condition without a comparison passed validation");
};
