import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Aggregate, Analytics, Policy, Transform } from "#policy/policy.ts";
import { attacksOf, treatedOf } from "#anonymity/known.ts";
import { sensitiveOf } from "#anonymity/sensitive.ts";
import type { Gate } from "#records/anonymity.ts";
import { whoseOf } from "#plan/scopes.ts";
import { hasNoKey, type ColumnChange, type Edge, type PlannedAggregate, type Scope, type Step } from "#records/plan.ts";
import { changesOf, staysOf } from "#plan/changes.ts";
import { suppressedBy } from "#plan/late.ts";
import { orderTables, type Order, type Precedence } from "#plan/order.ts";
import { isLeftAlone, nulls, owns, type Reach } from "#plan/reach.ts";

/**
 * The statements of a batch in the order in which they run: references are cut first, then rows that refer go before rows they
 * refer to, and tables that a trigger copies into come after the tables it watches. `unclear` are references to be cut of which the
 * schema does not say how.
 */
export const stepsOf = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
  scopes: readonly Scope[],
): { readonly steps: readonly Step[]; readonly order: Order; readonly unclear: readonly Edge[] } => {
  const treated = [...found.levels.keys()]
    .toReversed()
    .filter((name) => policy.tables[name] !== undefined && !isLeftAlone(policy.tables[name]));
  const erased = (name: string): boolean => policy.tables[name]?.treatment === "erase" && found.levels.has(name);
  const references = edges
    .filter((edge) => edge.declared === "foreign-key" && erased(edge.to.table))
    .map((edge): Precedence => ({ before: edge.table, after: edge.to.table, edge }));
  // Cuts fire triggers too, but they run before all of this.
  const copies = treated.flatMap((name) =>
    (catalog.tables.get(name)?.triggers ?? [])
      .filter((trigger) => trigger.events.includes(erased(name) ? "delete" : "update"))
      .flatMap((trigger) =>
        trigger.writesTo.map((target): Precedence => ({ before: name, after: target, edge: undefined })),
      ),
  );
  const order = orderTables(treated, [...references, ...copies]);

  // References from rows of others to rows that go. A row has to be there to be found without a key, so its table's own step comes first.
  const mentions = edges.filter(
    (edge) =>
      erased(edge.to.table) &&
      edge.nullable &&
      (edge.table === edge.to.table
        ? found.selves.get(edge.table)?.name !== edge.name
        : edge.to.table === policy.subject.table && (!owns(policy, edge) || !found.levels.has(edge.table))),
  );
  const keyless = new Set(scopes.filter(hasNoKey).map((scope) => scope.table));
  const spareable = new Set(
    scopes
      .filter((scope) => scope.contested || scope.uses.length > 0)
      .map((scope) => scope.table)
      .filter((name) => treated.includes(name)),
  );
  const leaves = ({ table }: { readonly table: string }): boolean =>
    policy.tables[table]?.treatment === "erase" || policy.tables[table]?.treatment === "anonymise";
  const shared = new Set([
    ...scopes
      .filter((scope) => spareable.has(scope.table))
      .flatMap((scope) => [
        ...scope.via.filter((via) => via.direction === "refers").map((via) => via.edge),
        ...(scope.self === undefined ? [] : [scope.self]),
      ]),
    // What stays of a subject must not lead to a row that is a living person's too.
    ...edges.filter(
      (edge) =>
        edge.table !== edge.to.table &&
        spareable.has(edge.to.table) &&
        treated.includes(edge.table) &&
        !erased(edge.table) &&
        !nulls(policy.tables[edge.table], edge),
    ),
  ]);
  const cut =
    (why: "mention" | "spared" | "cycle") =>
    (edge: Edge): Step => ({ kind: "cut", table: edge.table, edge, why });

  const spared = [...shared].filter((edge) => edge.nullable && leaves(edge.to));
  return {
    order,
    unclear: [...new Set([...mentions, ...spared, ...order.cut])].filter((edge) => edge.emptied.length === 0),
    steps: [
      ...mentions.filter((edge) => !keyless.has(edge.table)).map(cut("mention")),
      ...spared.map(cut("spared")),
      ...order.cut.map(cut("cycle")),
      ...order.tables.flatMap((table) => [
        ...mentions.filter((edge) => keyless.has(edge.table) && edge.to.table === table).map(cut("mention")),
        changeOf(policy, catalog, scopes, table),
      ]),
    ],
  };
};

const changeOf = (policy: Policy, catalog: Catalog, scopes: readonly Scope[], table: string): Step => {
  const rule = policy.tables[table];
  if (rule === undefined) throw new TypeError(`${table} has no rule`);
  if (rule.treatment === "erase") return { kind: "erase", table };
  const found = catalog.tables.get(table);
  const { mode, mark } = policy.deletion;
  // Of a subject that is deleted in two parts the mark is the first part's.
  const marks = table === policy.subject.table && mode !== "soft-then-hard" ? (mark?.set ?? {}) : {};
  if (rule.treatment === "keep") {
    const stays = rule.personal.map((column) => ({ column, why: rule.reason }));
    return { kind: "keep", table, changes: changesOf(found, marks), stays };
  }
  const changes = changesOf(found, { ...rule.columns, ...marks });
  const stays = staysOf(rule.columns);
  if (rule.treatment === "retain") {
    const basis = policy.classes[rule.class]?.basis ?? rule.class;
    const readableBy = [...new Set(rule.readableBy ?? [])].toSorted();
    const clockType = found?.columns.find(({ name }) => name === rule.clock)?.type ?? "date";
    return {
      kind: "retain",
      table,
      changes,
      stays,
      basis,
      class: rule.class,
      clock: rule.clock,
      clockType,
      readableBy,
    };
  }
  const analysis = rule.analytics;
  const { reorder } = rule;
  const columns = (found?.columns ?? []).filter(({ generated }) => !generated).map(({ name }) => name);
  return {
    kind: "anonymise",
    table,
    changes,
    stays,
    analysis: analysis && {
      clock: analysis.clock,
      zone: isZoned(found, analysis.clock) ? policy.timeZone : undefined,
      by: analysis.by.map((name) => dimensionOf(found, name, rule.columns[name])),
      per: analysis.per,
      conserve: analysis.conserve,
      k: analysis.k,
      late: analysis.late,
      suppressed: suppressedBy(rule.columns, analysis, found),
      gate: gateOf(analysis, found, { treated: treatedOf(policy, catalog, table), whose: whoseOf(scopes, table) }),
      attacks: attacksOf(policy, catalog, table, analysis),
    },
    ...(reorder !== undefined && { reorder: { columns, among: reorder.among } }),
    ...(rule.aggregate !== undefined && { aggregate: aggregateOf(rule.aggregate, catalog) }),
  };
};

const aggregateOf = (aggregate: Aggregate, catalog: Catalog): PlannedAggregate => ({
  ...aggregate,
  classes: aggregate.classes.map((each) => {
    const column = catalog.tables.get(aggregate.into)?.columns.find(({ name }) => name === each.column);
    return { ...each, type: column?.type ?? "text", nullable: column?.nullable ?? true };
  }),
});

const isZoned = (table: CatalogTable | undefined, clock: string | undefined): boolean =>
  table?.columns.find(({ name }) => name === clock)?.type.endsWith("with time zone") === true;

const dimensionOf = (
  table: CatalogTable | undefined,
  name: string,
  transform: Transform = { kind: "keep" },
): ColumnChange => {
  const column = table?.columns.find((each) => each.name === name);
  return { name, type: column?.type ?? "text", json: column?.shape === "json", transform };
};

const gateOf = (
  { quasi, k, anonymitySet, sensitive, l, t }: Analytics,
  table: CatalogTable | undefined,
  { treated, whose }: Pick<Gate, "treated" | "whose">,
): Gate | undefined => {
  if (quasi.length === 0) return undefined;
  return {
    quasi,
    k,
    nameless: anonymitySet === "nameless",
    treated,
    whose,
    sensitive: sensitiveOf(table, sensitive),
    l,
    t,
  };
};
