import type { ColumnCatalog } from "#clickhouse/read-catalog.ts";
import { isSupported } from "#clickhouse/transforms.ts";
import type { Finding } from "#plan/finding.ts";
import { findingsOf } from "#plan/findings.ts";
import { shapeOf } from "#plan/shape.ts";
import { refuse } from "#plan/finding.ts";
import type { Policy, TableRule } from "#policy/policy.ts";
import type { Shape } from "#records/plan.ts";

/** Everything that is wrong between a policy and a store of ClickHouse: what is wrong anywhere, and what such a store cannot do. */
export const columnFindings = (policy: Policy, catalog: ColumnCatalog): readonly Finding[] => {
  const uncovered = [...uncoveredFindings(policy, catalog), ...storageFindings(policy, catalog)];
  const asked = [
    ...wholeFindings(policy),
    ...Object.entries(policy.tables).flatMap(([name, rule]) => ruleFindings(policy, catalog, name, rule)),
  ];
  const found = [...uncovered, ...asked];
  if (found.length > 0) return found;
  const findings = findingsOf(policy, catalog);
  return findings.length > 0 ? findings : sharedFindings(policy, shapeOf(policy, catalog));
};

/** The rules of every plan for the store; refuses with all findings (I1). */
export const columnShape = (policy: Policy, catalog: ColumnCatalog): Shape => {
  const findings = columnFindings(policy, catalog);
  if (findings.length > 0) refuse(catalog.store, findings);
  return shapeOf(policy, catalog);
};

/** No reference is declared that would tell which tables hold rows of people, so every table wants a rule. */
const uncoveredFindings = (policy: Policy, catalog: ColumnCatalog): readonly Finding[] =>
  [...catalog.tables.values()]
    .filter(({ kind, name }) => kind === "table" && policy.tables[name] === undefined)
    .map(({ name }) => ({
      code: "POLICY_TABLE_UNCOVERED",
      message: `table ${name} has no rule`,
      place: policy.placeOf(["tables"]),
      hint: `add one for ${name}: erase, anonymise, or keep with a reason; ClickHouse declares no references that would tell whether people are in it`,
    }));

/** Tables that could not be searched, or that pass on what somebody else would have to forget. */
const storageFindings = (policy: Policy, { columnTables, tables }: ColumnCatalog): readonly Finding[] =>
  [...columnTables.values()].flatMap(({ name, engine, definition, types }) => {
    const path = ["tables", name];
    const found: Finding[] = [];
    if (engine === "MaterializedView" && !intoThisDatabase(definition, tables.get(name)?.schema ?? "")) {
      found.push(
        unsupported(
          policy,
          path,
          `materialised view ${name} writes where nothing is searched`,
          "let it write TO a table of this database that has a rule",
        ),
      );
    }
    if (tables.get(name)?.kind === "table" && !/MergeTree$|^(Log|TinyLog|StripeLog|Memory)$/.test(engine)) {
      found.push(
        unsupported(
          policy,
          path,
          `${name} is of engine ${engine}: what it holds, or passes on, cannot be searched`,
          "move it to a database that is no store, and see to it that it forgets people by itself",
        ),
      );
    }
    const state = [...types].find(([, type]) => /^AggregateFunction\(.*String/.test(type));
    if (state !== undefined) {
      found.push(
        unsupported(
          policy,
          path,
          `${name}.${state[0]} keeps text in states of a function, which cannot be searched`,
          "use SimpleAggregateFunction, or move the table to a database that is no store",
        ),
      );
    }
    return found;
  });

const intoThisDatabase = (definition: string, database: string): boolean => {
  const [, into, plain] = /^CREATE MATERIALIZED VIEW .*? TO (?:(\S+)\.)(\S+)/.exec(definition) ?? [];
  return plain !== undefined && into?.replaceAll("`", "") === database;
};

const unsupported = (policy: Policy, path: readonly (string | number)[], message: string, hint: string): Finding => ({
  code: "STORE_UNSUPPORTED",
  message,
  place: policy.placeOf(path),
  hint,
});

const wholeFindings = (policy: Policy): readonly Finding[] => {
  const parts = [
    ["deletion", policy.deletion.mode !== "hard", "deletes at once"],
    ["blockers", policy.blockers.length > 0, "blocks nobody"],
    ["recipients", policy.recipients.length > 0, "has no tasks for recipients"],
    ["figures", policy.figures.length > 0, "takes no figures"],
    ["examples", policy.examples.length > 0, "runs no examples"],
  ] as const;
  return parts
    .filter(([, written]) => written)
    .map(([key, , does]) =>
      unsupported(
        policy,
        [key],
        `\`${key}\`: a store of ClickHouse ${does}`,
        "say it in the policy of the PostgreSQL store that knows the person",
      ),
    );
};

const ruleFindings = (policy: Policy, catalog: ColumnCatalog, name: string, rule: TableRule): readonly Finding[] => {
  const path = ["tables", name];
  const findings: Finding[] = [];
  if (rule.treatment === "retain") {
    return [
      unsupported(
        policy,
        path,
        `${name}: a store of ClickHouse retains no records for a statute`,
        "erase, anonymise or keep them",
      ),
    ];
  }
  if (rule.expiry !== undefined) {
    findings.push(
      unsupported(
        policy,
        path,
        `${name}: rows of ClickHouse expire by its own TTL`,
        "remove `expires`, and give the table a TTL",
      ),
    );
  }
  const engine = catalog.columnTables.get(name)?.engine;
  if (engine === undefined || rule.treatment === "keep") return findings;
  const whole =
    rule.treatment === "erase"
      ? /^(Versioned|Collapsing|VersionedCollapsing|Replacing|Summing|Aggregating|Graphite)?MergeTree$/
      : /^MergeTree$/;
  if (!whole.test(engine) && catalog.tables.get(name)?.kind === "table") {
    const why = /^(Replicated|Shared)/.test(engine)
      ? "its copies on other servers could not be waited for"
      : engine.endsWith("MergeTree")
        ? "it would take rows for one that are equal once nobody is in them"
        : "its rows cannot be rewritten";
    findings.push(
      unsupported(
        policy,
        path,
        `${name} is of engine ${engine}: ${why}`,
        "see the README on what is possible with ClickHouse",
      ),
    );
  }
  if (rule.treatment === "erase") return findings;
  if (rule.aggregate !== undefined) {
    findings.push(
      unsupported(
        policy,
        [...path, "aggregate"],
        `${name}: rows of ClickHouse are counted into no other table`,
        "remove `aggregate`, and let the rows stay without the person, or go",
      ),
    );
  }
  if (rule.reorder !== undefined) {
    findings.push(
      unsupported(
        policy,
        [...path, "order"],
        `${name}: rows of ClickHouse lie in the order of its sorting key`,
        "remove `order`, and leave out of the sorting key what tells people apart",
      ),
    );
  }
  if ((rule.analytics?.attacks ?? []).length > 0) {
    findings.push(
      unsupported(
        policy,
        [...path, "attack"],
        `${name}: no attack is tried in ClickHouse`,
        "remove `attack`; the label says that nothing was compared",
      ),
    );
  }
  const { by = [], conserve = [] } = rule.analytics ?? {};
  if (by.length > 0 || conserve.some(({ measure }) => measure === "distinct")) {
    findings.push(
      unsupported(
        policy,
        [...path, by.length > 0 ? "by" : "conserve"],
        `${name}: in ClickHouse counts and sums are conserved by period alone`,
        "remove `by` and `distinct(…)`",
      ),
    );
  }
  if (rule.analytics?.anonymitySet === "nameless") {
    findings.push(
      unsupported(
        policy,
        [...path, "anonymity_set"],
        `${name}: in ClickHouse the rows of everybody count`,
        "remove `anonymity_set`",
      ),
    );
  }
  if ((rule.analytics?.late ?? "wait") !== "wait") {
    findings.push(
      unsupported(
        policy,
        [...path, "late"],
        `${name}: in ClickHouse who would be recognised waits, whatever their deadline`,
        "remove `late`, and make the columns coarser if that takes too long",
      ),
    );
  }
  const whose = name === policy.subject.table ? policy.subject.key : ownerOf(policy, name);
  const kept = whose === undefined ? undefined : rule.columns[whose];
  if (whose !== undefined && (kept?.kind === "keep" || kept?.kind === "stays")) {
    findings.push(
      unsupported(
        policy,
        [...path, "columns", whose],
        `${name}.${whose} says whose a row is, and would go on saying so`,
        "set it to null, or to a value that is nobody's",
      ),
    );
  }
  const measured = [...(rule.analytics?.quasi ?? []), ...(rule.analytics?.sensitive ?? [])];
  const random = measured.find((column) => rule.columns[column]?.kind === "unique");
  if (random !== undefined) {
    findings.push(
      unsupported(
        policy,
        [...path, "columns", random],
        `${name}.${random} is measured, and would be different in every row`,
        "leave it out of what is measured, or make it coarser",
      ),
    );
  }
  for (const [column, transform] of Object.entries(rule.columns)) {
    if (isSupported(transform)) continue;
    findings.push(
      unsupported(
        policy,
        [...path, "columns", column],
        `${name}.${column}: {${transform.kind}} is not done in ClickHouse`,
        "use {set: …}, {truncate: …}, {generalise: …}, {band: …}, {code: …}, {rare: …} or {unique: …}",
      ),
    );
  }
  return findings;
};

/** The column by which a link leads from rows to a person. */
const ownerOf = ({ links }: Policy, name: string): string | undefined =>
  links.find(({ from, to }) => from.table === name && to.table !== name)?.from.column;

/** Whose a row is has to be plain: nothing sees to it that a row of two people is spared. */
const sharedFindings = (policy: Policy, shape: Shape): readonly Finding[] =>
  shape.scopes
    .filter(({ table, via, self, uses, contested }) => {
      const owned =
        table === policy.subject.table ? via.length === 0 : via.length === 1 && via[0]?.direction === "refers";
      return !owned || self !== undefined || uses.length > 0 || contested;
    })
    .map(({ table }) =>
      unsupported(
        policy,
        ["tables", table],
        `rows of ${table} may belong to several people`,
        "let one link lead from it to the person, or name that one's column as `owner`",
      ),
    );
