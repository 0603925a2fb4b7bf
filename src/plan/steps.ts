import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { ColumnChange, Edge, Scope, Step } from "#records/plan.ts";
import { orderTables, type Order, type Precedence } from "#plan/order.ts";
import { owns, type Reach } from "#plan/reach.ts";

/**
 * The statements of a batch in the order in which they run: references are cut first, then rows that refer go before rows they
 * refer to, and tables that a trigger copies into come after the tables it watches.
 */
export const stepsOf = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
  scopes: readonly Scope[],
): { readonly steps: readonly Step[]; readonly order: Order } => {
  const treated = [...found.levels.keys()]
    .toReversed()
    .filter((name) => (policy.tables[name]?.treatment ?? "keep") !== "keep");
  const erased = (name: string): boolean => policy.tables[name]?.treatment === "erase" && found.levels.has(name);
  const references = edges
    .filter((edge) => edge.declared === "foreign-key" && erased(edge.to.table))
    .map((edge): Precedence => ({ before: edge.table, after: edge.to.table, edge }));
  const copies = treated.flatMap((name) =>
    (catalog.tables.get(name)?.triggers ?? []).flatMap((trigger) =>
      trigger.writesTo.map((target): Precedence => ({ before: name, after: target, edge: undefined })),
    ),
  );
  const order = orderTables(treated, [...references, ...copies]);

  const mentions = edges.filter(
    (edge) =>
      edge.declared === "foreign-key" &&
      edge.to.table === policy.subject.table &&
      erased(edge.to.table) &&
      edge.nullable &&
      (edge.table === edge.to.table || !owns(policy, edge) || !found.levels.has(edge.table)),
  );
  const shared = scopes
    .filter((scope) => scope.contested || scope.uses.length > 0)
    .filter((scope) => treated.includes(scope.table))
    .flatMap((scope) =>
      scope.via.filter((via) => via.direction === "refers" && via.edge.nullable).map((via) => via.edge),
    )
    .filter(
      (edge) =>
        policy.tables[edge.to.table]?.treatment === "erase" || policy.tables[edge.to.table]?.treatment === "anonymise",
    );
  const cut =
    (why: "mention" | "spared" | "cycle") =>
    (edge: Edge): Step => ({ kind: "cut", table: edge.table, edge, why });

  return {
    order,
    steps: [
      ...mentions.map(cut("mention")),
      ...shared.map(cut("spared")),
      ...order.cut.map(cut("cycle")),
      ...order.tables.map((table) => changeOf(policy, catalog, table)),
    ],
  };
};

const changeOf = (policy: Policy, catalog: Catalog, table: string): Step => {
  const rule = policy.tables[table];
  if (rule === undefined || rule.treatment === "keep") throw new TypeError(`${table} is not treated`);
  if (rule.treatment === "erase") return { kind: "erase", table };
  const columns = new Map(catalog.tables.get(table)?.columns.map((column) => [column.name, column]));
  const changes = Object.entries(rule.columns)
    .filter(([, transform]) => transform.kind !== "keep")
    .map(([name, transform]): ColumnChange => {
      const column = columns.get(name);
      return { name, type: column?.type ?? "text", json: column?.shape === "json", transform };
    });
  if (rule.treatment === "anonymise") {
    const analysis = rule.analytics;
    return {
      kind: "anonymise",
      table,
      changes,
      analysis:
        analysis === undefined ? undefined : { clock: analysis.clock, per: analysis.per, conserve: analysis.conserve },
    };
  }
  const basis = policy.classes[rule.class]?.basis ?? rule.class;
  return { kind: "retain", table, changes, basis, class: rule.class, clock: rule.clock };
};
