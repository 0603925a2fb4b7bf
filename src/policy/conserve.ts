import type { Conserve } from "#policy/policy.ts";

/** From `count` or `sum(column)`. */
export const conserveOf = (written: string): Conserve =>
  written === "count" ? { measure: "count" } : { measure: "sum", column: written.slice("sum(".length, -1) };
