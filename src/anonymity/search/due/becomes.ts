import { sql, type RawBuilder } from "kysely";
import { stepCount, topOf, type Hierarchy } from "#anonymity/search/hierarchy.ts";
import { inPolicy } from "#anonymity/search/to-policy.ts";
import type { CatalogColumn } from "#catalog/catalog.ts";
import { canonicalJson } from "#lib/canonical.ts";
import type { Transform } from "#policy/policy.ts";
import { coarserSql, type Coarser } from "#scope/coarser.ts";

/** A level that a policy can write. */
export type Choice = { readonly level: number; readonly transform: Told };

/**
 * The levels up to the highest that may be chosen that a policy can write, and how many it cannot: what would stand in the column is what is
 * compared with the rows that stay, so that a level without a transform has no company to look for.
 */
export const choicesOf = (
  hierarchy: Hierarchy,
  column: CatalogColumn,
): { readonly choices: readonly Choice[]; readonly unwritable: number } => {
  const levels = Array.from({ length: hierarchy.most + 1 }, (_, level) => level);
  const choices = levels.flatMap((level): Choice[] => {
    const { transform } = inPolicy(hierarchy, level, column);
    return transform === undefined || !isTold(transform) ? [] : [{ level, transform }];
  });
  return { choices, unwritable: levels.length - choices.length };
};

/** What makes of each value another that no other row has a say in: what comes out can be told before the night. */
export type Told = Extract<Transform, { kind: "keep" | "stays" | "null" | "constant" }> | Coarser;

export const isTold = (transform: Transform): transform is Told => {
  switch (transform.kind) {
    case "keep":
    case "stays":
    case "null":
    case "constant":
    case "truncate":
    case "generalise":
    case "band":
    case "code":
      return true;
    case "now":
    case "unique":
    case "redact":
    case "rare":
    case "mean":
    case "rekey":
    case "shuffle":
      return false;
  }
};

/** What the rule would write for a value, by the same expressions: a row that stays is equal to it or not. */
export const becomesSql = (value: RawBuilder<unknown>, type: string, transform: Told): RawBuilder<unknown> => {
  switch (transform.kind) {
    case "keep":
    case "stays":
      return value;
    case "null":
      return sql`cast(null as ${sql.raw(type)})`;
    case "constant":
      return sql`cast(${String(transform.value)}::text as ${sql.raw(type)})`;
    case "truncate":
    case "generalise":
    case "band":
    case "code":
      return coarserSql(value, type, transform);
  }
};

/** Which of the levels a rule comes to; undefined: none of them, and what it loses is not known. */
export const levelOf = (hierarchy: Hierarchy, choices: readonly Choice[], transform: Transform): number | undefined => {
  if (transform.kind === "null" || transform.kind === "constant") return topOf(hierarchy);
  const rule = essence(transform);
  return choices.find((each) => essence(each.transform) === rule)?.level;
};

/** A mapping file is its map, and what stays on purpose stays. */
const essence = (transform: Transform): string => {
  if (transform.kind === "stays") return essence({ kind: "keep" });
  if (transform.kind !== "generalise") return canonicalJson(transform);
  return canonicalJson({ kind: transform.kind, map: transform.map });
};

/** The levels between the value as it is and one value for all, from 1. */
export const between = ({ steps }: Hierarchy): readonly number[] =>
  Array.from({ length: stepCount(steps) }, (_, index) => index + 1);
