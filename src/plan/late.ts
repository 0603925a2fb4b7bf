import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Analytics, Policy, Transform } from "#policy/policy.ts";
import { changesOf } from "#plan/changes.ts";
import { transformProblem } from "#plan/contradictions.ts";
import type { Finding } from "#plan/finding.ts";
import type { LateTreatment } from "#records/anonymity.ts";
import { lateChanges, type ColumnChange, type Edge, type Shape, type Step } from "#records/plan.ts";

/** What a column says that may not be empty. */
const other = "other";

/**
 * What `late: suppress` sets the columns to by which somebody may be recognised, in classes or by an attack. What the rule makes the same, or
 * nobody's, for all rows already stays as the rule makes it. None without `late: suppress`.
 */
export const suppressedBy = (
  columns: Readonly<Record<string, Transform>>,
  analytics: Pick<Analytics, "quasi" | "attacks" | "late"> | undefined,
  table: CatalogTable | undefined,
): readonly ColumnChange[] => {
  if (analytics?.late !== "suppress") return [];
  const names = new Set([...analytics.quasi, ...analytics.attacks.flatMap(({ by }) => Object.keys(by))]);
  const told = [...names].filter(
    (name) => !["null", "constant", "unique", "rekey"].includes(columns[name]?.kind ?? "keep"),
  );
  const nullable = new Map(table?.columns.map((column) => [column.name, column.nullable]));
  return changesOf(
    table,
    Object.fromEntries(
      told.map((name): [string, Transform] => [
        name,
        nullable.get(name) === false ? { kind: "constant", value: other } : { kind: "null" },
      ]),
    ),
  );
};

/**
 * The rules for those whose deadline has come and who would be recognised in rows of some tables: the same but for those, as the policy that was
 * approved says (I2).
 */
export const lateStage = (shape: Shape, tables: ReadonlyMap<string, LateTreatment>): Shape => ({
  ...shape,
  steps: shape.steps.map((step): Step => {
    const how = step.kind === "anonymise" && step.analysis !== undefined ? tables.get(step.table) : undefined;
    if (how === undefined || step.kind !== "anonymise" || step.analysis === undefined) return step;
    if (how === "erase") return { kind: "erase", table: step.table, late: step.analysis };
    const names = new Set(step.analysis.suppressed.map(({ name }) => name));
    return {
      ...step,
      changes: lateChanges(step.changes, step.analysis),
      stays: step.stays.filter(({ column }) => !names.has(column)),
      late: true,
    };
  }),
});

/** What the deadline would bring and the schema forbids: found when the policy is checked, not in the last night. */
export const lateFindings = (policy: Policy, catalog: Catalog, edges: readonly Edge[]): readonly Finding[] =>
  Object.entries(policy.tables).flatMap(([name, rule]): readonly Finding[] => {
    const table = catalog.tables.get(name);
    const late = rule.treatment === "anonymise" ? rule.analytics?.late : undefined;
    if (rule.treatment !== "anonymise" || table === undefined || late === undefined || late === "wait") return [];
    const finding = (what: string, hint: string): Finding => ({
      code: "POLICY_CONTRADICTION",
      message: `late: ${late} of ${name}: ${what}`,
      place: policy.placeOf(["tables", name, "late"]),
      hint,
    });
    const referring = edges.filter((edge) => edge.declared === "foreign-key" && edge.to.table === name);
    const copying = table.triggers.filter(({ events }) => events.includes("delete"));
    return [
      ...(name === policy.subject.table
        ? [finding("the subject's own row cannot go while the rest stays", "leave `late` out")]
        : []),
      ...referring.map((edge) =>
        finding(
          `rows of ${edge.table} refer to rows that would go (${edge.name})`,
          "leave `late` out, or drop the key",
        ),
      ),
      ...copying.map((trigger) =>
        finding(`trigger ${trigger.name} fires when rows go`, "leave `late` out, or let it fire on other changes only"),
      ),
      ...suppressedBy(rule.columns, rule.analytics, table).flatMap((change) => {
        const problem = transformProblem(table, change.name, change.transform);
        return problem === undefined ? [] : [finding(`${change.name}: ${problem[0]}`, "write `late: erase`")];
      }),
    ];
  });
