import { schemaOf, type Catalog, type CatalogTable } from "#catalog/catalog.ts";
import { digestOf } from "#lib/canonical.ts";
import type { Policy } from "#policy/policy.ts";
import { blockersOf } from "#plan/blockers.ts";
import { deletionOf } from "#plan/deletion.ts";
import { edgesOf } from "#plan/edges.ts";
import { refuse } from "#plan/finding.ts";
import { findingsOf } from "#plan/findings.ts";
import { waits } from "#plan/order.ts";
import { isRemedied, isRemoved, reach } from "#plan/reach.ts";
import { refreshesOf } from "#plan/refreshes.ts";
import { scopesOf } from "#plan/scopes.ts";
import { stepsOf } from "#plan/steps.ts";
import type { Edge, Plan, RemedySet, RowSet, Shape, Step } from "#records/plan.ts";

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
  const blockers = blockersOf(policy, catalog, edges);
  const looked = blockers.flatMap(({ whose = [], other = [], ...blocker }) => [
    blocker.table,
    ...[...whose, ...other].map((edge) => edge.table),
  ]);
  const seen = [...new Set([...found.levels.keys(), ...looked])].flatMap((name) => catalog.tables.get(name) ?? []);
  return {
    store: catalog.store,
    policy: { name: policy.name, version: policy.version, digest: policy.digest },
    catalog: digestOf(seen.map(schemaOf)),
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
    stage: "whole",
    deletion: deletionOf(policy, catalog, edges),
    blockers,
    recipients: policy.recipients.map(({ index: _, ...recipient }) => recipient),
    figures: policy.figures,
    deferred: order.deferred.length > 0 || edges.some((edge) => waits(edge) && isRemoved(policy, edge.to.table)),
    refresh: refreshesOf(policy, catalog),
    triggered: triggeredOf(catalog, steps),
    effects: effectsOf(policy, edges, reached, treated),
  };
};

/** With scopes of all tables that a subject's rows can be in, whether or not anything happens to them: to find what is to be protected. */
export const protectionOf = (policy: Policy, catalog: Catalog, shape: Shape): Shape => {
  const edges = edgesOf(catalog, policy);
  return { ...shape, scopes: scopesOf(policy, catalog, edges, reach(policy, edges), "reached"), blockers: [] };
};

const triggeredOf = (catalog: Catalog, steps: readonly Step[]): readonly string[] => {
  const changed = [...new Set(steps.map(({ table }) => table))];
  const fires = changed.filter((name) => (catalog.tables.get(name)?.triggers ?? []).length > 0);
  const written = fires.flatMap((name) => catalog.tables.get(name)?.triggers ?? []).flatMap(({ writesTo }) => writesTo);
  return changed.filter((name) => fires.includes(name) || written.includes(name));
};

/** What the database itself does when treated rows change, or such as a remedy settles. */
const effectsOf = (
  policy: Policy,
  edges: readonly Edge[],
  reached: readonly CatalogTable[],
  treated: ReadonlySet<string>,
): Shape["effects"] => [
  ...edges
    .filter((edge) => edge.onDelete === "cascade" || edge.onDelete === "set null")
    .filter((edge) => treated.has(edge.to.table) && policy.tables[edge.to.table]?.treatment === "erase")
    .map((edge) => ({
      table: edge.table,
      effect: edge.onDelete === "cascade" ? ("cascade" as const) : ("set null" as const),
      by: edge.name,
    })),
  ...reached
    .filter((candidate) => treated.has(candidate.name) || isRemedied(policy, candidate.name))
    .flatMap((candidate) =>
      candidate.triggers.flatMap((trigger) =>
        trigger.writesTo.map((target) => ({
          table: target,
          effect: "trigger" as const,
          by: `${candidate.name}.${trigger.name}`,
        })),
      ),
    ),
];

/** The digest that approval binds to. */
export const shapeDigest = (shape: Shape): string => digestOf(shape);

/** The frozen value: deep-frozen, so that nothing between saving it and running it can change it (I2). */
export const planOf = (
  shape: Shape,
  requests: readonly string[],
  { rowSets, remedies }: { readonly rowSets: readonly RowSet[]; readonly remedies: readonly RemedySet[] },
): Plan =>
  deepFreeze({
    version: 1,
    store: shape.store,
    shape: shapeDigest(shape),
    requests: requests.toSorted(),
    rowSets,
    remedies,
  });

export const planHash = (plan: Plan): string => digestOf(plan);

const deepFreeze = <T>(value: T): T => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
};
