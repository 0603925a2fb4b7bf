import { becomes, topOf, type Hierarchy } from "#anonymity/search/hierarchy.ts";
import type { CatalogColumn } from "#catalog/catalog.ts";
import type { Transform } from "#policy/policy.ts";
import { timeUnits } from "#records/anonymity.ts";

/** What a policy says to bring a column to a level; or why no transform does. */
export type InPolicy =
  | { readonly transform: Transform; readonly missing?: never }
  | { readonly transform?: never; readonly missing: string };

/** A policy changes values where they are, so what becomes of them has to fit the column's type. */
export const inPolicy = (hierarchy: Hierarchy, level: number, column: CatalogColumn): InPolicy => {
  const { steps } = hierarchy;
  const takesText = column.shape === "text" && !/\(\d+\)$/.test(column.type);
  if (level === 0) return { transform: { kind: "keep" } };
  if (level === topOf(hierarchy)) {
    if (takesText) return { transform: { kind: "constant", value: "*" } };
    if (column.nullable) return { transform: { kind: "null" } };
    return { missing: `a column of ${column.type} that may not be empty has no value that stands for all` };
  }
  switch (steps.kind) {
    case "time": {
      const to = timeUnits.find((unit) => unit === steps.units[level - 1]);
      if (to !== undefined) return { transform: { kind: "truncate", to } };
      return { missing: `\`truncate\` goes to ${timeUnits.join(", ")}, not to ${becomes(hierarchy, level)}` };
    }
    case "bands": {
      const [width, from] = [Number(steps.widths[level - 1]), Number(steps.from)];
      const isRounded = /^(smallint|integer|bigint)$/.test(column.type);
      if (!isRounded || (Number.isSafeInteger(width) && Number.isSafeInteger(from))) {
        return { transform: { kind: "band", width, from } };
      }
      return { missing: `a column of ${column.type} would round the ends of ${becomes(hierarchy, level)}` };
    }
    case "text": {
      if (!takesText) return { missing: `groups may not fit into a column of ${column.type}` };
      const map = Object.fromEntries([...steps.groups].map(([value, groups]) => [value, groups[level - 1] ?? ""]));
      return { transform: { kind: "generalise", map, otherwise: null } };
    }
  }
};
