import type { Conserve } from "#policy/policy.ts";

/** From `count`, `sum(column)` or `distinct(column)`. */
export const conserveOf = (written: string): Conserve => {
  const [measure = "", column = ""] = written.slice(0, -1).split("(");
  return written === "count" ? { measure: "count" } : { measure: measure === "sum" ? "sum" : "distinct", column };
};

/** And back again. */
export const conserveText = (total: Conserve): string =>
  total.measure === "count" ? "count" : `${total.measure}(${total.column})`;
