import type { Catalog } from "#catalog/catalog.ts";
import { madeOf } from "#catalog/types.ts";
import type { Analytics, Policy, Transform } from "#policy/policy.ts";
import { edgesOf } from "#plan/edges.ts";
import type { Attack, Treated } from "#records/anonymity.ts";

/** What an attacker can compare, with the types on both sides and what the rules make of both tables. */
export const attacksOf = (
  policy: Policy,
  catalog: Catalog,
  table: string,
  { attacks }: Pick<Analytics, "attacks">,
): readonly Attack[] =>
  attacks.map(({ knows, by, whose }) => {
    const typeOf = (name: string, column: string): string => {
      const found = catalog.tables.get(name)?.columns.find((each) => each.name === column);
      return found === undefined ? "text" : madeOf(found);
    };
    const columns = new Map(treatedOf(policy, catalog, table).map(({ name, transform }) => [name, transform]));
    return {
      knows,
      whose: whose.length > 0 ? whose : ownerOf(policy, catalog, knows),
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

/**
 * The columns by which a table's records refer to the subject, where it is one reference and stays: then it tells people apart without being
 * named. None: each record is taken for somebody else's, and several of one person for several people.
 */
export const ownerOf = (policy: Policy, catalog: Catalog, table: string): readonly string[] => {
  const rule = policy.tables[table];
  const owner = rule?.owner;
  const columns = rule !== undefined && "columns" in rule ? rule.columns : {};
  const references = edgesOf(catalog, policy)
    .filter((edge) => edge.table === table && edge.to.table === policy.subject.table)
    .map((edge) => edge.columns)
    .filter((names) => owner === undefined || names.every((name) => owner.includes(name)));
  const [only, ...others] = references;
  if (only === undefined || others.length > 0 || only.length > 1) return [];
  return only.some((name) => ["null", "constant", "unique"].includes(columns[name]?.kind ?? "keep")) ? [] : only;
};

/** What the rule of a table makes of its columns. */
export const treatedOf = ({ tables }: Policy, catalog: Catalog, table: string): readonly Treated[] => {
  const rule = tables[table];
  const columns = rule !== undefined && "columns" in rule ? rule.columns : {};
  const types = new Map(catalog.tables.get(table)?.columns.map(({ name, type }) => [name, type]));
  return Object.entries(columns).map(([name, transform]) => ({ name, transform, type: types.get(name) }));
};
