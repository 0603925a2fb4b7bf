import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import type { Step } from "#records/plan.ts";

/** Rewrite rules (CREATE RULE) on tables that our statements change: PostgreSQL refuses those statements, or does something else instead. */
export const ruleFindings = (policy: Policy, catalog: Catalog, steps: readonly Step[]): readonly Finding[] => {
  const remedied = policy.blockers.flatMap(({ table, remedy }) =>
    remedy === undefined ? [] : [{ table, event: remedy.kind === "remove" ? "delete" : "update" }],
  );
  const changed = [...steps.flatMap(statementOf), ...remedied];
  return [...new Set(changed.map(({ table }) => table))].flatMap((name) =>
    (catalog.tables.get(name)?.rules ?? [])
      .filter(({ event }) => changed.some((each) => each.table === name && each.event === event))
      .map((rule): Finding => ({
        code: "STORE_UNSUPPORTED",
        message: `rule ${rule.name} of ${name} puts another statement in the place of our ${rule.event.toUpperCase()}`,
        place: policy.placeOf(["tables", name]),
        hint: `make it a trigger, or keep the rows of ${name}`,
      })),
  );
};

const statementOf = (step: Step): readonly { readonly table: string; readonly event: string }[] => {
  const { table, kind } = step;
  if (kind === "erase") return [{ table, event: "delete" }];
  if (kind === "anonymise" && step.aggregate !== undefined) {
    const { into } = step.aggregate;
    return [
      { table, event: "delete" },
      { table: into, event: "update" },
      { table: into, event: "insert" },
    ];
  }
  if (kind === "anonymise" && step.reorder !== undefined) {
    return [
      { table, event: "delete" },
      { table, event: "insert" },
    ];
  }
  const late = kind === "anonymise" && (step.analysis?.late ?? "wait") !== "wait" ? [{ table, event: "delete" }] : [];
  return kind === "cut" || step.changes.length > 0 ? [...late, { table, event: "update" }] : late;
};
