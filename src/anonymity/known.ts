import type { Catalog } from "#catalog/catalog.ts";
import type { Analytics, Policy, Transform } from "#policy/policy.ts";
import type { Attack, Treated } from "#records/anonymity.ts";

/** What an attacker can compare, with the types on both sides and what the rules make of both tables. */
export const attacksOf = (
  policy: Policy,
  catalog: Catalog,
  table: string,
  { attacks }: Pick<Analytics, "attacks">,
): readonly Attack[] =>
  attacks.map(({ knows, by, whose }) => {
    const typeOf = (name: string, column: string): string =>
      catalog.tables.get(name)?.columns.find((each) => each.name === column)?.type ?? "text";
    const columns = new Map(treatedOf(policy, catalog, table).map(({ name, transform }) => [name, transform]));
    return {
      knows,
      whose,
      treated: treatedOf(policy, catalog, knows),
      keys: Object.entries(by).map(([column, other]) => ({
        column,
        type: typeOf(table, column),
        transform: columns.get(column) ?? ({ kind: "keep" } satisfies Transform),
        other,
        otherType: typeOf(knows, other),
      })),
    };
  });

/** What the rule of a table makes of its columns. */
export const treatedOf = ({ tables }: Policy, catalog: Catalog, table: string): readonly Treated[] => {
  const rule = tables[table];
  const columns = rule !== undefined && "columns" in rule ? rule.columns : {};
  const types = new Map(catalog.tables.get(table)?.columns.map(({ name, type }) => [name, type]));
  return Object.entries(columns).map(([name, transform]) => ({ name, transform, type: types.get(name) }));
};
