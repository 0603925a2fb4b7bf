import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { owns, type Reach } from "#plan/reach.ts";
import type { Edge } from "#records/plan.ts";

/**
 * Old rows of a table in which people are to be hidden that would only lose whose they are: from then on they would be nobody's, and no gate, no
 * attack and no deadline would have looked at them, as at each batch of an erasure. Whose a row is, its references say; and that it is
 * nobody's, is told by all columns together that come out the same for everybody.
 */
export const expiredSignFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  { levels }: Reach,
): readonly Finding[] =>
  Object.entries(policy.tables).flatMap(([table, rule]): readonly Finding[] => {
    if (rule.treatment !== "anonymise" || rule.expiry?.columns === undefined) return [];
    const { quasi = [], attacks = [] } = rule.analytics ?? {};
    if (quasi.length === 0 && attacks.length === 0) return [];
    const owning = edges.filter((edge) => edge.table === table && levels.has(edge.to.table) && owns(policy, edge));
    const naming = new Set([
      ...owning.flatMap(({ columns, where }) => [...columns, ...Object.keys(where)]),
      ...(table === policy.subject.table
        ? [...(catalog.tables.get(table)?.primaryKey ?? []), ...Object.values(policy.subject.identifiers)]
        : []),
    ]);
    const signs = Object.entries(rule.columns)
      .filter(([, { kind }]) => kind === "null" || kind === "constant" || kind === "unique")
      .map(([name]) => name);
    const changed = Object.keys(rule.expiry.columns);
    const referring = changed.filter((name) => naming.has(name));
    const nameless = referring.length === 0 && signs.length > 0 && signs.every((name) => changed.includes(name));
    return (nameless ? signs : referring).map((name) => ({
      code: "POLICY_CONTRADICTION",
      message: `${table}.${name} says whose a row is: old rows without it would be nobody's, and nothing would ask whether somebody is recognised in them`,
      place: policy.placeOf(["tables", table, "expires", "then", name]),
      hint: "leave the column out: erasure alone makes rows nobody's, by the rule of the table; or let old rows go, with `then: erase`",
    }));
  });
