import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { isTreated } from "#policy/is-treated.ts";
import type { Policy } from "#policy/policy.ts";
import { contradictions } from "#plan/contradictions.ts";
import { coverageFindings } from "#plan/coverage.ts";
import { deletionFindings } from "#plan/deletion.ts";
import { edgesOf } from "#plan/edges.ts";
import { unclearFinding } from "#plan/emptying.ts";
import type { Finding } from "#plan/finding.ts";
import { lateFindings } from "#plan/late.ts";
import { placelessFindings } from "#plan/placeless.ts";
import { expiredSignFindings } from "#plan/expired-signs.ts";
import { expiryFindings } from "#plan/expiry.ts";
import { inheritanceFindings } from "#plan/inheritance.ts";
import { reach } from "#plan/reach.ts";
import { refreshesOf } from "#plan/refreshes.ts";
import { remedyFindings } from "#plan/remedies.ts";
import { restrictionFindings } from "#plan/restriction.ts";
import { ruleFindings } from "#plan/rewrites.ts";
import { scopesOf } from "#plan/scopes.ts";
import { statutoryFindings } from "#plan/statutory.ts";
import { stepsOf } from "#plan/steps.ts";

/** Everything that is wrong between policy and schema; empty when a shape can be made. */
export const findingsOf = (policy: Policy, catalog: Catalog): readonly Finding[] => {
  const edges = edgesOf(catalog, policy);
  const found = reach(policy, edges);
  const uncovered = [
    ...coverageFindings(policy, catalog, edges, found),
    ...inheritanceFindings(policy, catalog, found),
  ];
  if (uncovered.length > 0) return uncovered;
  const contradicting = [
    ...contradictions(policy, catalog, edges, found),
    ...deletionFindings(policy, catalog, edges),
    ...remedyFindings(policy, catalog, edges, found),
    ...statutoryFindings(policy),
    ...expiryFindings(policy, catalog),
    ...expiredSignFindings(policy, catalog, edges, found),
    ...restrictionFindings(policy, catalog),
    ...lateFindings(policy, catalog, edges),
  ];
  if (contradicting.length > 0) return contradicting;
  const scopes = scopesOf(policy, catalog, edges, found);
  const { steps, order, unclear } = stepsOf(policy, catalog, edges, found, scopes);
  const { stuck } = order;
  const unrefreshable = refreshesOf(policy, catalog).filter((view) => catalog.tables.get(view)?.refreshable !== true);
  const unanalysable = analysesOf(policy, catalog).filter((table) => !table.analysable);
  return [
    ...unclear.map((edge) => unclearFinding(policy, edge)),
    ...placelessFindings(policy, catalog, scopes),
    ...ruleFindings(policy, catalog, steps),
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

/** Treated tables: `pg_stats` holds frequent values of their rows. */
const analysesOf = (policy: Policy, catalog: Catalog): readonly CatalogTable[] =>
  Object.entries(policy.tables).flatMap(([name, rule]) => (isTreated(rule) ? (catalog.tables.get(name) ?? []) : []));
