import { sql, type Kysely } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Shape, Step } from "#records/plan.ts";
import { probeAll, type Probe } from "#scope/probe.ts";
import { column, shareOf, tableName } from "#scope/sql.ts";

/**
 * Asks the database whether it can find people in the views that must not show them, add up what is summed,
 * and sort what is measured, rare or averaged within: of a column of another type it cannot, and the whole night would fail. Throws
 * POLICY_CONTRADICTION.
 */
export const probeReadings = (db: Kysely<unknown>, catalog: Catalog, shape: Shape, policy: Policy): Promise<void> => {
  const typeOf = (table: string, name: string): string =>
    catalog.tables.get(table)?.columns.find((candidate) => candidate.name === name)?.type ?? "unknown";
  const { root, deletion } = shape;
  const views = deletion.hiddenFrom.map((view, index): Probe => ({
    query: sql`select from ${tableName(view)} v join ${tableName(root.table)} t on ${column("v", root.key)} = ${column("t", root.key)} limit 0`,
    message: `${view}.${root.key} is ${typeOf(view, root.key)} and ${root.table}.${root.key} is ${root.keyType}: nobody could tell whom the view shows`,
    place: policy.placeOf(["deletion", "hidden_from", index]),
    hint: `let the view show ${root.key} as it stands in ${root.table}`,
  }));
  const figures = policy.figures.flatMap(({ figure, table, measure }, index): Probe[] => {
    if (measure.measure !== "sum") return [];
    return [
      {
        query: sql`select sum(${shareOf(measure, "t")}) from ${tableName(table)} t limit 0`,
        message: `figure ${figure}: ${table}.${measure.column} is ${typeOf(table, measure.column)}, of which there is no sum`,
        place: policy.placeOf(["figures", index, "measure"]),
        hint: "name a column of numbers, or count",
      },
    ];
  });
  const totals = shape.steps.flatMap((step) =>
    step.kind === "anonymise" ? (step.analysis?.conserve ?? []).map((total) => ({ table: step.table, total })) : [],
  );
  const conserved = totals.flatMap(({ table, total }): Probe[] => {
    if (total.measure !== "sum") return [];
    return [
      {
        query: sql`select ${shareOf(total, "t")} from ${tableName(table)} t limit 0`,
        message: `${table}.${total.column} is ${typeOf(table, total.column)}: there is no sum of it to conserve`,
        place: policy.placeOf(["tables", table, "conserve"]),
        hint: "name a column of numbers, or leave the sum out",
      },
    ];
  });
  const compared = shape.steps.flatMap((step): Probe[] => {
    if (step.kind === "cut" || step.kind === "erase") return [];
    const { table } = step;
    return comparedIn(step).map(({ name, path }) => ({
      query: sql`select from ${tableName(table)} t order by ${column("t", name)} limit 0`,
      message: `${table}.${name} is ${typeOf(table, name)}: PostgreSQL cannot tell which of its values are equal`,
      place: policy.placeOf(["tables", table, ...path]),
      hint: "name a column whose values are equal or different",
    }));
  });
  return probeAll(db, catalog.store, [...views, ...figures, ...conserved, ...compared]);
};

type Compared = { readonly name: string; readonly path: readonly string[] };

/** The columns whose values a step compares, and where the policy says so. */
const comparedIn = (step: Exclude<Step, { kind: "cut" | "erase" }>): readonly Compared[] => [
  ...step.changes.flatMap(({ name, transform }): Compared[] => {
    const path = ["columns", name];
    if (transform.kind === "rare") return [{ name, path }];
    return "within" in transform ? transform.within.map((within) => ({ name: within, path })) : [];
  }),
  ...(step.kind === "anonymise"
    ? [
        ...(step.analysis?.gate?.quasi ?? []).map((name) => ({ name, path: ["quasi"] })),
        ...(step.analysis?.gate?.sensitive ?? []).map((each) => ({ name: each.column, path: ["sensitive"] })),
      ]
    : []),
];
