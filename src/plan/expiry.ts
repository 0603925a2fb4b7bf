import type { Temporal } from "temporal-polyfill";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Expiry, Policy, RetentionClass } from "#policy/policy.ts";
import { dueThrough } from "#policy/retention.ts";
import { datelike } from "#plan/coverage.ts";
import { edgesOf } from "#plan/edges.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf, missingColumn } from "#plan/missing.ts";
import { orderTables } from "#plan/order.ts";
import type { ExpiryPlan, ExpiryStep } from "#records/expiry.ts";
import type { ColumnChange, Edge } from "#records/plan.ts";

type Expiring = { readonly table: CatalogTable; readonly expiry: Expiry; readonly cls: RetentionClass };

/**
 * What is due in a store on a day, with or without a request: a pure function of policy, catalog and day. Tables that refer come before those
 * that they refer to.
 */
export const expiryPlan = (policy: Policy, catalog: Catalog, day: Temporal.PlainDate): ExpiryPlan => {
  const expiring = [...catalog.tables.values()].flatMap((table) => expiringOf(policy, table));
  const edges = edgesOf(catalog, policy);
  const names = expiring.map(({ table }) => table.name);
  const precedences = edges.map((edge) => ({ before: edge.table, after: edge.to.table, edge }));
  const { tables } = orderTables(names, precedences);
  // Of tables in a circle the rows wait for each other, and are named as waiting.
  const ordered = [...tables, ...names.filter((name) => !tables.includes(name))];
  const steps = ordered.flatMap((name) => expiring.filter(({ table }) => table.name === name));
  return {
    store: catalog.store,
    day: day.toString(),
    steps: steps.map((one) => stepOf(policy, catalog, edges, one, day)),
  };
};

/**
 * By table: from when rows are told to be old, how long they stay, and up to which day they are due. Of retained tables also those whose own
 * rows do not go: parts of theirs wait for them.
 */
export const expiringClasses = (policy: Policy, catalog: Catalog, day: Temporal.PlainDate) =>
  [...catalog.tables.values()].flatMap((table) => {
    const rule = policy.tables[table.name];
    const retained = rule?.treatment === "retain" ? policy.classes[rule.class] : undefined;
    const own = expiringOf(policy, table).map(({ expiry, cls }) => ({ clock: expiry.clock, cls }));
    const all =
      own.length > 0 || rule?.treatment !== "retain" || retained === undefined
        ? own
        : [{ clock: rule.clock, cls: retained }];
    return all.map(({ clock, cls }) => ({
      table: table.name,
      clock: clockOf(table, clock),
      cls,
      through: dueThrough(cls, day),
    }));
  });

const expiringOf = (policy: Policy, table: CatalogTable): readonly Expiring[] => {
  const expiry = policy.tables[table.name]?.expiry;
  const cls = expiry && classOf(policy, expiry);
  return expiry === undefined || cls === undefined ? [] : [{ table, expiry, cls }];
};

const classOf = ({ classes }: Policy, { period }: Expiry): RetentionClass | undefined =>
  "class" in period
    ? classes[period.class]
    : { basis: period.why, period: period.after, anchor: "event", exception: "b", yearBegins: "01-01", law: undefined };

const stepOf = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  { table, expiry, cls }: Expiring,
  day: Temporal.PlainDate,
): ExpiryStep => ({
  table: table.name,
  clock: clockOf(table, expiry.clock),
  through: dueThrough(cls, day).toString(),
  basis: cls.basis,
  class: "class" in expiry.period ? expiry.period.class : null,
  changes: changesOf(table, expiry),
  writes: table.triggers
    .filter(({ events }) => events.includes(expiry.columns === undefined ? "delete" : "update"))
    .flatMap(({ writesTo }) => writesTo),
  restricted: isRestricted(policy, table.name) ? table.primaryKey : [],
  users: expiry.columns === undefined ? edges.filter((edge) => edge.to.table === table.name) : [],
  wholes: edges.flatMap((edge) => {
    const rule = policy.tables[edge.to.table];
    const whole = catalog.tables.get(edge.to.table);
    if (edge.table !== table.name || edge.to.table === table.name || rule?.treatment !== "retain") return [];
    const retention = policy.classes[rule.class];
    if (whole === undefined || retention === undefined || expiry.columns !== undefined) return [];
    return [{ edge, clock: clockOf(whole, rule.clock), through: dueThrough(retention, day).toString() }];
  }),
});

const isRestricted = ({ tables }: Policy, name: string): boolean => {
  const rule = tables[name];
  return rule?.treatment === "retain" && rule.readableBy !== undefined;
};

const clockOf = (table: CatalogTable, name: string): ExpiryStep["clock"] => ({
  column: name,
  type: columnOf(table, name)?.type ?? "date",
});

const changesOf = (table: CatalogTable, { columns = {} }: Expiry): readonly ColumnChange[] =>
  Object.entries(columns).map(([name, transform]) => {
    const column = columnOf(table, name);
    return { name, type: column?.type ?? "text", json: column?.shape === "json", transform };
  });

/** What a policy says of old rows that the schema does not bear out. */
export const expiryFindings = (policy: Policy, catalog: Catalog): readonly Finding[] =>
  Object.entries(policy.tables).flatMap(([name, rule]): readonly Finding[] => {
    const table = catalog.tables.get(name);
    const { expiry } = rule;
    if (table === undefined || expiry === undefined) return [];
    const key = rule.treatment === "retain" ? ["expired"] : ["expires"];
    const place = ["tables", name, ...key];
    const clock = columnOf(table, expiry.clock);
    const missing = Object.keys(expiry.columns ?? {})
      .filter((column) => columnOf(table, column) === undefined)
      .map((column) => missingColumn(policy, place, table, column));
    if (clock === undefined) return [missingColumn(policy, place, table, expiry.clock), ...missing];
    if (datelike.test(clock.type)) return missing;
    return [
      {
        code: "POLICY_CONTRADICTION",
        message: `clock ${name}.${expiry.clock} is ${clock.type}, not a date or a timestamp`,
        place: policy.placeOf(place),
        hint: "name the column that says when the record was made",
      },
      ...missing,
    ];
  });
