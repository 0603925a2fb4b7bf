import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf, missingColumn, missingTable } from "#plan/missing.ts";
import type { Reach } from "#plan/reach.ts";
import { wayToRoot } from "#plan/ways.ts";
import type { Edge } from "#records/plan.ts";

/** What blockers, recipients and figures name, and the store does not have, or not where a subject's rows are. */
export const namedFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
): readonly Finding[] => [
  ...blockerFindings(policy, catalog, edges, found),
  ...recipientFindings(policy, catalog, found),
  ...figureFindings(policy, catalog),
];

const blockerFindings = (policy: Policy, catalog: Catalog, edges: readonly Edge[], found: Reach): Finding[] =>
  policy.blockers.flatMap(({ code, table: name, when, whose, other }, index) => {
    const table = catalog.tables.get(name);
    if (table === undefined) return [missingTable(policy, ["blockers", index, "when", "table"], name, catalog)];
    if (whose === undefined && table.kind !== "table" && table.kind !== "partitioned") {
      const message = `blocker ${code} looks at ${name}, which is a ${table.kind.replace("-", " ")}: its rows belong to nobody`;
      const hint = "say with `whose` how its rows lead to a subject, or name the table that it reads";
      return [
        { code: "STORE_UNSUPPORTED", message, place: policy.placeOf(["blockers", index, "when", "table"]), hint },
      ];
    }
    const missing = Object.keys(when)
      .filter((column) => columnOf(table, column) === undefined)
      .map((column) => missingColumn(policy, ["blockers", index, "when", column], table, column));
    const ways = (["whose", "other"] as const).flatMap((key): Finding[] => {
      const columns = { whose, other }[key];
      if (columns === undefined || wayToRoot(edges, name, columns, policy.subject.table) !== undefined) return [];
      return [
        {
          code: "POLICY_UNREACHABLE",
          message: `blocker ${code}: ${columns.join(".")} does not lead from ${name} to ${policy.subject.table} by references`,
          place: policy.placeOf(["blockers", index, key]),
          hint: "name the referring columns one after the other, such as invoice_id.customer_id; declare what is missing under links",
        },
      ];
    });
    if (whose !== undefined || found.levels.has(name)) return [...missing, ...ways];
    return [
      ...missing,
      ...ways,
      {
        code: "POLICY_UNREACHABLE",
        message: `blocker ${code} looks at ${name}, which no reference reaches from ${policy.subject.table}`,
        place: policy.placeOf(["blockers", index]),
        hint: `declare under links how rows of ${name} belong to a subject, or say it with \`whose\``,
      },
    ];
  });

const recipientFindings = (policy: Policy, catalog: Catalog, found: Reach): Finding[] =>
  policy.recipients.flatMap(({ recipient, table: name, reference, index }) => {
    const table = catalog.tables.get(name);
    if (table === undefined) return [missingTable(policy, ["recipients", index, "table"], name, catalog)];
    if (columnOf(table, reference) === undefined) {
      return [missingColumn(policy, ["recipients", index, "reference"], table, reference)];
    }
    if (found.levels.has(name)) return [];
    return [
      {
        code: "POLICY_UNREACHABLE",
        message: `recipient ${recipient} is told of rows of ${name}, which no reference reaches from ${policy.subject.table}`,
        place: policy.placeOf(["recipients", index]),
        hint: `declare under links how rows of ${name} belong to a subject`,
      },
    ];
  });

const figureFindings = (policy: Policy, catalog: Catalog): Finding[] =>
  policy.figures.flatMap(({ figure, table: name, measure, where }, index): Finding[] => {
    const table = catalog.tables.get(name);
    if (table === undefined) return [missingTable(policy, ["figures", index, "table"], name, catalog)];
    const missing = Object.keys(where)
      .filter((column) => columnOf(table, column) === undefined)
      .map((column) => missingColumn(policy, ["figures", index, "where", column], table, column));
    if (measure.measure === "count") return missing;
    const summed = columnOf(table, measure.column);
    if (summed === undefined)
      return [...missing, missingColumn(policy, ["figures", index, "measure"], table, measure.column)];
    if (summed.shape === "other" || measure.measure === "distinct") return missing;
    return [
      ...missing,
      {
        code: "POLICY_CONTRADICTION",
        message: `figure ${figure}: ${name}.${measure.column} is ${summed.type}, of which there is no sum`,
        place: policy.placeOf(["figures", index, "measure"]),
        hint: "name a column of numbers, or count",
      },
    ];
  });
