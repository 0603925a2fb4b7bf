import type { Catalog } from "#catalog/catalog.ts";
import { isComparable } from "#catalog/types.ts";
import type { Policy } from "#policy/policy.ts";
import type { Edge } from "#records/plan.ts";
import { attackFindings } from "#plan/attacks.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf, missingColumn, missingTable } from "#plan/missing.ts";
import { namedFindings } from "#plan/named.ts";
import { outsiderFindings } from "#plan/outsiders.ts";
import { isLeftAlone, isRemedied, type Reach } from "#plan/reach.ts";

export const datelike = /^(date|timestamp)/;

/** I1: every reached table has a rule, every column of a treated row has a treatment, and nothing named is missing. */
export const coverageFindings = (
  policy: Policy,
  catalog: Catalog,
  edges: readonly Edge[],
  found: Reach,
): readonly Finding[] => [
  ...subjectFindings(policy, catalog),
  ...linkFindings(policy, catalog),
  ...reachedFindings(policy, catalog, edges, found),
  ...Object.keys(policy.tables).flatMap((name) => ruleFindings(policy, catalog, found, name)),
  ...namedFindings(policy, catalog, edges, found),
];

const subjectFindings = (policy: Policy, catalog: Catalog): Finding[] => {
  const { table: name, key, identifiers, names } = policy.subject;
  const table = catalog.tables.get(name);
  if (table === undefined || (table.kind !== "table" && table.kind !== "partitioned")) {
    return [missingTable(policy, ["subject", "table"], name, catalog)];
  }
  const named: readonly (readonly [path: readonly (string | number)[], column: string])[] = [
    [["key"], key],
    ...Object.entries(identifiers).map(([kind, column]) => [["identifiers", kind], column] as const),
    ...names.map((column, index) => [["names", index], column] as const),
  ];
  const missing = named
    .filter(([, column]) => columnOf(table, column) === undefined)
    .map(([path, column]) => missingColumn(policy, ["subject", ...path], table, column));
  const identifies =
    catalog.manyRows === true ||
    (table.primaryKey.length === 1 && table.primaryKey[0] === key) ||
    (table.unique.some((unique) => unique.columns.length === 1 && unique.columns[0] === key) &&
      columnOf(table, key)?.nullable === false);
  if (missing.length > 0) return missing;
  if (identifies) return keyFindings(policy, catalog);
  return [
    {
      code: "POLICY_CONTRADICTION",
      message: `${name}.${key} does not identify one row: it is neither the primary key nor unique and NOT NULL`,
      place: policy.placeOf(["subject", "key"]),
      hint: "name the column that identifies a subject's root row",
    },
  ];
};

/** In a store of ClickHouse it goes with the person: there each row says whose it is. */
const keyFindings = (policy: Policy, catalog: Catalog): Finding[] => {
  const { table, key } = policy.subject;
  const rule = policy.tables[table];
  const kind = rule !== undefined && "columns" in rule ? rule.columns[key]?.kind : undefined;
  if (catalog.manyRows === true || kind === undefined || kind === "keep") return [];
  return [
    {
      code: "POLICY_CONTRADICTION",
      message: `${table}.${key}: the key of the subject must be \`keep\``,
      place: policy.placeOf(["tables", table, "columns", key]),
      hint: "other rows refer to it: keep it, and change what else names the person",
    },
  ];
};

const linkFindings = (policy: Policy, catalog: Catalog): Finding[] =>
  policy.links.flatMap((link, index) =>
    [link.from, link.to, ...Object.keys(link.where).map((column) => ({ table: link.from.table, column }))].flatMap(
      (end) => {
        const table = catalog.tables.get(end.table);
        if (table === undefined) return [missingTable(policy, ["links", index], end.table, catalog)];
        return columnOf(table, end.column) === undefined
          ? [missingColumn(policy, ["links", index], table, end.column)]
          : [];
      },
    ),
  );

const reachedFindings = (policy: Policy, catalog: Catalog, edges: readonly Edge[], found: Reach): Finding[] => {
  const reached = [...found.levels.keys(), ...found.referred];
  const uncovered = reached
    .filter((name) => policy.tables[name] === undefined && catalog.tables.has(name))
    .map((name): Finding => {
      const edge = edges.find(
        (candidate) =>
          (candidate.table === name && found.levels.has(candidate.to.table)) ||
          (candidate.to.table === name && found.levels.has(candidate.table)),
      );
      const way = edge === undefined ? "" : ` (${edge.table}.${edge.columns.join(",")} refers to ${edge.to.table})`;
      return {
        code: "POLICY_TABLE_UNCOVERED",
        message: `table ${name} is reachable from ${policy.subject.table}${way} and has no rule`,
        place: policy.placeOf(["tables"]),
        hint: `add a rule for ${name}: erase, anonymise, retain, or keep with a reason`,
      };
    });
  const treated = [...found.levels.keys()].filter((name) => isTreated(policy, name));
  const changed = [...catalog.tables.keys()].filter((name) => treated.includes(name) || isRemedied(policy, name));
  const copied = changed.flatMap((name) =>
    (catalog.tables.get(name)?.triggers ?? []).flatMap((trigger) =>
      trigger.writesTo
        .filter((target) => policy.tables[target] === undefined)
        .map((target): Finding => ({
          code: "POLICY_TABLE_UNCOVERED",
          message: `trigger ${trigger.name} of ${name} copies rows into ${target}, which has no rule`,
          place: policy.placeOf(["tables", name]),
          hint: `add a rule for ${target}, and a link by which its rows belong to a subject`,
        })),
    ),
  );
  const hidden = changed
    .filter((name) => catalog.tables.get(name)?.rowSecurity === true)
    .map((name): Finding => ({
      code: "ROW_SECURITY",
      message: `row-level security hides rows of ${name} from our role`,
      place: policy.placeOf(["tables", name]),
      hint: `let the role see every row: ALTER ROLE … BYPASSRLS, or a policy on ${name} for it`,
    }));
  return [...uncovered, ...copied, ...outsiderFindings(policy, catalog), ...hidden];
};

const isTreated = (policy: Policy, name: string): boolean => {
  const rule = policy.tables[name];
  return rule !== undefined && (rule.treatment !== "keep" || name === policy.subject.table);
};

const ruleFindings = (policy: Policy, catalog: Catalog, found: Reach, name: string): Finding[] => {
  const rule = policy.tables[name];
  const table = catalog.tables.get(name);
  if (rule === undefined) return [];
  if (table === undefined) return [missingTable(policy, ["tables", name], name, catalog)];
  if (isLeftAlone(rule)) return [];
  if (table.kind === "view" || table.kind === "materialised-view") {
    return [
      {
        code: "STORE_UNSUPPORTED",
        message: `${name} is a ${table.kind.replace("-", " ")}: its rows are those of the tables it reads`,
        place: policy.placeOf(["tables", name]),
        hint: "treat the tables it reads; materialised views are refreshed afterwards",
      },
    ];
  }
  const findings: Finding[] = [];
  if (!found.levels.has(name)) {
    findings.push({
      code: "POLICY_UNREACHABLE",
      message: `no reference leads from ${policy.subject.table} to ${name}, so its rows belong to nobody`,
      place: policy.placeOf(["tables", name]),
      hint: `declare how its rows belong to a subject under links, e.g. ${name}.column -> ${policy.subject.table}.${policy.subject.key}`,
    });
  }
  for (const column of rule.owner ?? []) {
    if (columnOf(table, column) === undefined)
      findings.push(missingColumn(policy, ["tables", name, "owner"], table, column));
  }
  if (rule.treatment === "keep") {
    const missing = rule.personal
      .filter((column) => columnOf(table, column) === undefined)
      .map((column) => missingColumn(policy, ["tables", name, "personal"], table, column));
    return [...findings, ...missing];
  }
  if (rule.treatment === "erase") return findings;

  for (const column of Object.keys(rule.columns)) {
    if (columnOf(table, column) === undefined)
      findings.push(missingColumn(policy, ["tables", name, "columns", column], table, column));
  }
  for (const column of table.columns) {
    // A key names the row, not the person, and a generated column follows the columns it is computed from.
    if (rule.columns[column.name] !== undefined || column.generated || table.primaryKey.includes(column.name)) continue;
    findings.push({
      code: "POLICY_COLUMN_UNCOVERED",
      message: `column ${name}.${column.name} (${column.type}) has no treatment`,
      place: policy.placeOf(["tables", name, "columns"]),
      hint: `say what becomes of it: keep, {set: null}, {redact: identifiers}, …`,
    });
  }
  const clock = rule.treatment === "retain" ? rule.clock : rule.analytics?.clock;
  if (clock !== undefined) {
    const column = columnOf(table, clock);
    if (column === undefined) findings.push(missingColumn(policy, ["tables", name, "clock"], table, clock));
    else if (!datelike.test(column.type)) {
      findings.push({
        code: "POLICY_CONTRADICTION",
        message: `clock ${name}.${clock} is ${column.type}, not a date or a timestamp`,
        place: policy.placeOf(["tables", name, "clock"]),
        hint: "name the column that says when the record was made",
      });
    }
  }
  if (rule.treatment === "anonymise" && rule.analytics !== undefined) {
    findings.push(...attackFindings(policy, catalog, name, rule.analytics));
    const sums = rule.analytics.conserve.flatMap((total) => (total.measure === "sum" ? [total.column] : []));
    const distinct = rule.analytics.conserve.flatMap((total) => (total.measure === "distinct" ? [total.column] : []));
    const { quasi, sensitive, by } = rule.analytics;
    for (const column of [...quasi, ...sensitive, ...sums, ...distinct, ...by]) {
      if (columnOf(table, column) === undefined) findings.push(missingColumn(policy, ["tables", name], table, column));
    }
    for (const column of [...quasi, ...sensitive]) {
      const measured = columnOf(table, column);
      if (measured === undefined || isComparable(measured)) continue;
      findings.push({
        code: "POLICY_CONTRADICTION",
        message: `${name}.${column} is ${measured.type}: PostgreSQL cannot tell which of its values are equal`,
        place: policy.placeOf(["tables", name, quasi.includes(column) ? "quasi" : "sensitive"]),
        hint: "leave it out of what is measured, and empty it",
      });
    }
    for (const column of sums) {
      const summed = columnOf(table, column);
      if (summed === undefined) continue;
      if (rule.columns[column]?.kind === "mean" && /^(real|double precision)/.test(summed.type)) {
        findings.push({
          code: "POLICY_CONTRADICTION",
          message: `${name}.${column} is ${summed.type}: means of it do not add up to the last digit`,
          place: policy.placeOf(["tables", name, "conserve"]),
          hint: "make the column numeric, or leave its sum out",
        });
      }
      if (summed.shape === "other") continue;
      findings.push({
        code: "POLICY_CONTRADICTION",
        message: `${name}.${column} is ${summed.type}: there is no sum of it to conserve`,
        place: policy.placeOf(["tables", name, "conserve"]),
        hint: "name a column of numbers, or leave the sum out",
      });
    }
  }
  return findings;
};
