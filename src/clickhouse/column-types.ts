import type { CatalogColumn } from "#catalog/catalog.ts";

/** A column's type without what stands around it: `LowCardinality(Nullable(String))` is a nullable `String`. */
export const unwrapped = (type: string): { readonly base: string; readonly nullable: boolean } => {
  const around = /^(LowCardinality|Nullable|SimpleAggregateFunction)\((?:\w+(?:\([^)]*\))?, )?(.*)\)$/s.exec(type);
  if (around === null) return { base: type, nullable: false };
  const inner = unwrapped(around[2] ?? "");
  return { base: inner.base, nullable: inner.nullable || around[1] === "Nullable" };
};

const kinds: readonly (readonly [RegExp, name: (base: string) => string, CatalogColumn["shape"]])[] = [
  [/^(FixedString|String|Enum)/, () => "text", "text"],
  [/^U?Int\d+$/, () => "bigint", "other"],
  [/^(BFloat|Float)\d+$/, () => "double precision", "other"],
  [/^Decimal\(/, (base) => `numeric${base.slice("Decimal".length).replace(" ", "")}`, "other"],
  [/^Date(32)?$/, () => "date", "other"],
  [/^DateTime(64)?\b/, () => "timestamp with time zone", "other"],
  [/^Bool$/, () => "boolean", "other"],
  [/^UUID$/, () => "uuid", "text"],
  [/^IPv[46]$/, () => "inet", "text"],
  [/^(Map|JSON|Object|Tuple|Nested|Variant|Dynamic)\b/, () => "jsonb", "json"],
];

/**
 * A type of ClickHouse by the name of the one that PostgreSQL has for such values, so that what is checked of policies is checked alike; and
 * what a search for text does with it.
 */
export const columnKind = (type: string): Pick<CatalogColumn, "type" | "shape" | "nullable"> => {
  const { base, nullable } = unwrapped(type);
  const item = /^Array\((.*)\)$/s.exec(base)?.[1];
  if (item !== undefined) return { type: `${columnKind(item).type}[]`, shape: "array", nullable: false };
  const [, name, shape] = kinds.find(([pattern]) => pattern.test(base)) ?? [undefined, () => base, "other" as const];
  return { type: name(base), shape, nullable };
};
