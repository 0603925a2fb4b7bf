import type { Condition, Transform } from "#policy/policy.ts";
import type { ColumnChange, Edge } from "#records/plan.ts";

export type Becoming = {
  /** What the column says afterwards. */
  readonly becomes: string;
  /** What that means for the person. */
  readonly means: string;
};

/** What becomes of a column that a rule treats. */
export const transformWords = (transform: Transform): Becoming => {
  switch (transform.kind) {
    case "keep":
      return { becomes: "stays as it is", means: "no personal data, the policy says" };
    case "stays":
      return {
        becomes: "stays as it is",
        means: `personal data that stays on purpose, listed for every request: ${transform.why}`,
      };
    case "null":
      return { becomes: "empty", means: "nothing is left of it" };
    case "constant":
      return { becomes: `'${transform.value}'`, means: "the same in every treated row: it tells nobody apart" };
    case "unique":
      return {
        becomes: transform.template,
        means: "different in every row, so that it stays unique, and leads back to nobody",
      };
    case "redact":
      return {
        becomes: "its text with [erased] in it",
        means: "identifiers and names of the subject are taken out; the rest of the text stays",
      };
    case "truncate":
      return {
        becomes: `the first of its ${transform.to}`.replace("first of its day", "beginning of its day"),
        means: "coarser: one among many",
      };
    case "generalise":
      return {
        becomes: `one of ${new Set(Object.values(transform.map)).size} coarser values${transform.from === undefined ? "" : ` (${transform.from.file}, level ${transform.from.level})`}, else ${transform.otherwise === null ? "empty" : `'${transform.otherwise}'`}`,
        means: "coarser: one among many",
      };
    case "band":
      return { becomes: `the lower end of its band of ${transform.width}`, means: "coarser: one among many" };
    case "code":
      return { becomes: codeWords(transform), means: "who stands out above or below does no longer" };
    case "rare":
      return {
        becomes: `${transform.otherwise === null ? "empty" : `'${transform.otherwise}'`} where fewer than ${transform.below} rows say the same`,
        means: "what only a few say is not said any more",
      };
    case "mean":
      return {
        becomes: [
          "the mean of rows of its period",
          ...transform.within.map((name) => `the same ${name}`),
          `of at least ${transform.among} people who go together`,
        ].join(", "),
        means: "what it adds up to stays, and whose it was does not",
      };
    case "rekey":
      return {
        becomes: "a new random key",
        means: "different in every row, drawn by the database and remembered by nobody: it leads back to no row",
      };
    case "shuffle":
      return {
        becomes: shuffleWords(transform),
        means: "what the rows say together stays, and which of them said it does not",
      };
    case "now":
      return {
        becomes:
          transform.when === "always" ? "the moment of the erasure" : "the moment of the erasure, where it is empty",
        means: "says when it ended, nothing about the person",
      };
  }
};

const shuffleWords = ({ within, among, per }: Extract<Transform, { kind: "shuffle" }>): string => {
  const alike = [...(per === undefined ? [] : [`its ${per}`]), ...within.map((name) => `the same ${name}`)];
  const whose = `of at least ${among} people who go together`;
  return `that of another row${alike.length === 0 ? "" : ` of ${alike.join(" and ")}`}, at random, ${whose}`;
};

const codeWords = ({ bottom, top }: Extract<Transform, { kind: "code" }>): string => {
  const ends = [
    ...(bottom === undefined ? [] : [`at least ${bottom}`]),
    ...(top === undefined ? [] : [`at most ${top}`]),
  ];
  return ends.join(" and ");
};

/** `status → 'cancelled', ended_on → the moment of the erasure, where it is empty`. */
export const changesWords = (changes: readonly ColumnChange[]): string =>
  changes.map(({ name, transform }) => `${name} → ${transformWords(transform).becomes}`).join(", ");

const comparisons = { gt: ">", gte: "≥", lt: "<", lte: "≤", not: "is not" } as const;

/** `status is active or trialing`, `amount_due > 0`, `parent_id is not empty`; all of a line must hold. */
export const conditionsWords = (when: Readonly<Record<string, Condition>>): string =>
  Object.entries(when)
    .map(([column, condition]) => {
      if ("in" in condition) return `${column} is ${condition.in.join(" or ")}`;
      if ("isNull" in condition) return `${column} is ${condition.isNull ? "" : "not "}empty`;
      return `${column} ${comparisons[condition.compare]} ${condition.value}`;
    })
    .join(" and ");

/** `invoice_id → invoices, customer_id → customers`. */
export const wayWords = (way: readonly Edge[]): string =>
  way.map(({ columns, to }) => `${columns.join(", ")} → ${to.table}`).join(", ");
