/** From fine to coarse; each lies in one of those that follow it, but for `week`, which may lie in two months. */
export const units = ["hour", "day", "week", "month", "quarter", "year", "decade"] as const;
export type Unit = (typeof units)[number];

/** What becomes of the values of a quasi-identifier from one level to the next: each level is a function of the one before. */
export type Steps =
  | { readonly kind: "time"; readonly units: readonly Unit[] }
  /** Widths and where a band begins, as decimal text: no digit is lost on the way to the database. */
  | { readonly kind: "bands"; readonly widths: readonly string[]; readonly from: string }
  /** Of each value its group at level 1, 2, …; `names` of those levels, where the file gives them any. */
  | {
      readonly kind: "text";
      readonly names: readonly string[];
      readonly groups: ReadonlyMap<string, readonly string[]>;
    };

/**
 * A domain generalisation hierarchy (Samarati and Sweeney, 1998). Level 0 is the value as it is, the last level is one value for all, and
 * the steps are the levels between them. NULL says that something is not known and no more; no step can make it coarser, so it stays
 * NULL up to the last level, where it becomes what everything becomes.
 */
export type Hierarchy = {
  readonly column: string;
  readonly steps: Steps;
  /** The highest level that a search may choose. */
  readonly most: number;
};

/** How many levels lie between the value as it is and one value for all. */
export const stepCount = (steps: Steps): number => {
  switch (steps.kind) {
    case "time":
      return steps.units.length;
    case "bands":
      return steps.widths.length;
    case "text":
      return steps.names.length;
  }
};

/** The level of one value for all. */
export const topOf = ({ steps }: Pick<Hierarchy, "steps">): number => stepCount(steps) + 1;

/** What becomes of the column at a level, in words. */
export const becomes = (hierarchy: Hierarchy, level: number): string => {
  const { steps } = hierarchy;
  if (level === 0) return "as it is";
  if (level === topOf(hierarchy)) return "one value for all";
  switch (steps.kind) {
    case "time":
      return `the ${steps.units[level - 1] ?? ""}`;
    case "bands":
      return `bands of ${steps.widths[level - 1] ?? ""}${steps.from === "0" ? "" : ` from ${steps.from}`}`;
    case "text":
      return groupsText([...new Set([...steps.groups.values()].map((groups) => groups[level - 1] ?? ""))]);
  }
};

const listed = 4;

const groupsText = (groups: readonly string[]): string => {
  const some = groups.length > listed ? [...groups.slice(0, listed), "…"] : groups;
  return `${groups.length === 1 ? "1 group" : `${groups.length} groups`}: ${some.join(", ")}`;
};
