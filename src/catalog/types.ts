import type { CatalogColumn } from "#catalog/catalog.ts";

// PostgreSQL's types by the names that `format_type` prints.

/** What the values of a type are to whoever compares them; an array is none of these. */
export type Kind = "time" | "number" | "text";

const kinds: readonly (readonly [Kind, RegExp])[] = [
  ["time", /^(date|timestamp)/],
  ["number", /^(smallint|integer|bigint|numeric|real|double precision)/],
  ["text", /^(character|text|uuid|citext|"char"|name|inet|boolean)/],
];

/** Undefined for types of which nobody would say that they are a time, a number or text. */
export const kindOf = (type: string): Kind | undefined =>
  type.endsWith("[]") ? undefined : kinds.find(([, pattern]) => pattern.test(type))?.[0];

/** How many decimals a type of numbers has room for; undefined: as many as come. */
export const decimalsOf = (type: string): number | undefined => {
  const scale = /^numeric\(\d+,(-?\d+)\)/.exec(type)?.[1];
  if (scale !== undefined) return Number(scale);
  return /^(smallint|integer|bigint|numeric\(\d+\))/.test(type) ? 0 : undefined;
};

/** What values of a column are made of: a domain only says which of them it takes. */
export const madeOf = ({ type, base }: Pick<CatalogColumn, "type" | "base">): string => base ?? type;

/** Between 1 and 2 is less than between 1 and 9. */
export const isOrdered = (column: Pick<CatalogColumn, "type" | "base">): boolean => isOrderedType(madeOf(column));

const isOrderedType = (type: string): boolean =>
  ["time", "number"].includes(kindOf(type) ?? "") || (/^(money|time|interval)\b/.test(type) && !type.endsWith("[]"));

/** Whether values of the column are equal or different to PostgreSQL. */
export const isComparable = (column: Pick<CatalogColumn, "type" | "base">): boolean =>
  !/^(json|xml|point|polygon|path|box|line|lseg|circle)\b(?!b)/.test(madeOf(column));
