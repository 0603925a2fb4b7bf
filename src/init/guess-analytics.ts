import type { CatalogTable } from "#catalog/catalog.ts";
import { wordsOf } from "#lib/words.ts";
import type { ColumnDraft } from "#init/guess-transforms.ts";
import type { Analytics } from "#policy/policy.ts";

const categories =
  /^(country|country_code|region|plan|tier|segment|channel|platform|os|browser|device_type|age_group|currency|language|locale)$/;
const amounts = /(^|_)(amount|total|price|revenue|value|quantity|count|duration|units)(_|$)/;

/** What to measure of an event table: the kept categories as quasi-identifiers, the count and the kept amounts as totals. */
export const guessAnalytics = (
  table: CatalogTable,
  columns: readonly ColumnDraft[],
  clock: string | undefined,
): Analytics => {
  const kept = new Set(columns.filter(({ transform }) => transform.kind === "keep").map(({ name }) => name));
  const candidates = table.columns.filter(({ name }) => kept.has(name) && !table.primaryKey.includes(name));
  const quasi = candidates.filter(({ name, shape }) => shape === "text" && categories.test(wordsOf(name).join("_")));
  const sums = candidates.filter(
    ({ name, type }) => /^(smallint|integer|bigint|numeric)/.test(type) && amounts.test(wordsOf(name).join("_")),
  );
  return {
    quasi: quasi.map(({ name }) => name),
    k: 5,
    anonymitySet: "everybody",
    sensitive: [],
    l: undefined,
    t: undefined,
    attacks: [],
    late: "wait",
    by: [],
    conserve: [{ measure: "count" }, ...sums.map(({ name }) => ({ measure: "sum" as const, column: name }))],
    clock,
    per: "month",
  };
};
