import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { digestOf } from "#lib/canonical.ts";
import type { Policy } from "#policy/policy.ts";
import type { Plan, RowSet, Shape } from "#records/plan.ts";
import { contradictions } from "#plan/contradictions.ts";
import { coverageFindings } from "#plan/coverage.ts";
import { edgesOf } from "#plan/edges.ts";
import { refuse, type Finding } from "#plan/finding.ts";
import { reach } from "#plan/reach.ts";
import { scopesOf } from "#plan/scopes.ts";
import { stepsOf } from "#plan/steps.ts";

/** Everything that is wrong between policy and schema; empty when a shape can be made. */
export const findingsOf = (policy: Policy, catalog: Catalog): readonly Finding[] => {
  const edges = edgesOf(catalog, policy);
  const found = reach(policy, edges);
  const uncovered = coverageFindings(policy, catalog, edges, found);
  if (uncovered.length > 0) return uncovered;
  const contradicting = contradictions(policy, catalog, edges, found);
  if (contradicting.length > 0) return contradicting;
  const scopes = scopesOf(policy, catalog, edges, found);
  const { stuck } = stepsOf(policy, catalog, edges, found, scopes).order;
  const unrefreshable = refreshesOf(policy, catalog).filter((view) => catalog.tables.get(view)?.refreshable !== true);
  const unanalysable = analysesOf(policy, catalog).filter((table) => !table.analysable);
  return [
    ...unanalysable.map(({ name }): Finding => ({
      code: "DATABASE_PRIVILEGE",
      message: `our role may not analyse ${name}: PostgreSQL's statistics would keep values of rows that are gone`,
      place: policy.placeOf(["tables", name]),
      hint: `run what \`lethe init\` printed: from PostgreSQL 17 on GRANT MAINTAIN, before the function lethe.analyze_table`,
    })),
    ...unrefreshable.map((view): Finding => ({
      code: "DATABASE_PRIVILEGE",
      message: `materialised view ${view} reads treated tables and our role may not refresh it`,
      place: policy.placeOf(["tables"]),
      hint: `run what \`lethe init\` printed: from PostgreSQL 17 on GRANT MAINTAIN, before the function lethe.refresh_view`,
    })),
    ...(stuck.length === 0
      ? []
      : [
          {
            code: "POLICY_CYCLE" as const,
            message: `${stuck.join(", ")} refer to each other by references that are neither deferrable nor nullable`,
            place: policy.placeOf(["tables", stuck[0] ?? ""]),
            hint: "make one of the foreign keys DEFERRABLE or nullable, or anonymise instead of erasing",
          },
        ]),
  ];
};

/**
 * The rules of every plan for a store: a pure function of policy and catalog. Refuses, with all findings, a policy that does not
 * cover the schema or contradicts it (I1).
 */
export const shapeOf = (policy: Policy, catalog: Catalog): Shape => {
  const findings = findingsOf(policy, catalog);
  if (findings.length > 0) refuse(catalog.store, findings);
  const edges = edgesOf(catalog, policy);
  const found = reach(policy, edges);
  const scopes = scopesOf(policy, catalog, edges, found);
  const { steps, order } = stepsOf(policy, catalog, edges, found, scopes);
  const { table, key } = policy.subject;
  const reached = [...found.levels.keys()].flatMap((name) => catalog.tables.get(name) ?? []);
  const treated = new Set(steps.filter((step) => step.kind !== "cut").map((step) => step.table));
  return {
    store: catalog.store,
    policy: { name: policy.name, version: policy.version, digest: policy.digest },
    catalog: digestOf(reached.map(({ estimatedRows: _, analysable: _may, ...schema }) => schema)),
    root: {
      table,
      key,
      keyType: catalog.tables.get(table)?.columns.find((column) => column.name === key)?.type ?? "text",
    },
    scopes,
    steps,
    kept: [...found.levels.keys(), ...found.referred].flatMap((name) => {
      const rule = policy.tables[name];
      return rule?.treatment === "keep" ? [{ table: name, reason: rule.reason }] : [];
    }),
    blockers: policy.blockers,
    deferred: order.deferred.length > 0,
    refresh: refreshesOf(policy, catalog),
    effects: [
      ...edges
        .filter((edge) => edge.onDelete === "cascade" || edge.onDelete === "set null")
        .filter((edge) => treated.has(edge.to.table) && policy.tables[edge.to.table]?.treatment === "erase")
        .map((edge) => ({
          table: edge.table,
          effect: edge.onDelete === "cascade" ? ("cascade" as const) : ("set null" as const),
          by: edge.name,
        })),
      ...reached
        .filter((candidate) => treated.has(candidate.name))
        .flatMap((candidate) =>
          candidate.triggers.flatMap((trigger) =>
            trigger.writesTo.map((target) => ({
              table: target,
              effect: "trigger" as const,
              by: `${candidate.name}.${trigger.name}`,
            })),
          ),
        ),
    ],
  };
};

/** Treated tables: `pg_stats` holds frequent values of their rows. */
const analysesOf = (policy: Policy, catalog: Catalog): readonly CatalogTable[] =>
  Object.entries(policy.tables).flatMap(([name, rule]) =>
    rule.treatment === "keep" ? [] : (catalog.tables.get(name) ?? []),
  );

/** Materialised views over treated tables, each after the views it reads. */
const refreshesOf = (policy: Policy, catalog: Catalog): readonly string[] => {
  const touched = new Set(
    Object.entries(policy.tables)
      .filter(([, rule]) => rule.treatment !== "keep")
      .flatMap(([name]) => [name, ...(catalog.tables.get(name)?.partitions ?? [])]),
  );
  const views = [...catalog.tables.values()]
    .filter((table) => table.kind === "materialised-view" && table.reads.some((source) => touched.has(source)))
    .toSorted((a, b) => a.reads.length - b.reads.length || (a.name < b.name ? -1 : 1));
  return views.map((view) => view.name);
};

/** The digest that approval binds to. */
export const shapeDigest = (shape: Shape): string => digestOf(shape);

/** The frozen value: deep-frozen, so that nothing between saving it and running it can change it (I2). */
export const planOf = (shape: Shape, requests: readonly string[], rowSets: readonly RowSet[]): Plan =>
  deepFreeze({ version: 1, store: shape.store, shape: shapeDigest(shape), requests: requests.toSorted(), rowSets });

export const planHash = (plan: Plan): string => digestOf(plan);

const deepFreeze = <T>(value: T): T => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
};
