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

/** What is written in a rule, where, and what to write instead; only where `asked`. */
type Refused = readonly [asked: boolean, path: readonly string[], message: string, hint: string];

const ruleFindings = (policy: Policy, catalog: ColumnCatalog, name: string, rule: TableRule): readonly Finding[] =>
  refusedOf(policy, catalog, name, rule)
    .filter(([asked]) => asked)
    .map(([, path, message, hint]) => unsupported(policy, ["tables", name, ...path], message, hint));

const refusedOf = (policy: Policy, catalog: ColumnCatalog, name: string, rule: TableRule): readonly Refused[] => {
  if (rule.treatment === "retain") {
    return [
      [true, [], `${name}: a store of ClickHouse retains no records for a statute`, "erase, anonymise or keep them"],
    ];
  }
  const expires: Refused = [
    rule.expiry !== undefined,
    [],
    `${name}: rows of ClickHouse expire by its own TTL`,
    "remove `expires`, and give the table a TTL",
  ];
  if (rule.treatment === "keep") return [expires];
  const engine = engineRefused(catalog, name, rule.treatment);
  return rule.treatment === "erase" ? [expires, engine] : [expires, engine, ...anonymiseRefused(policy, name, rule)];
};

const engineRefused = (
  { columnTables, tables }: ColumnCatalog,
  name: string,
  treatment: "erase" | "anonymise",
): Refused => {
  const { engine = "" } = columnTables.get(name) ?? {};
  // Which take rows for one that are equal in their keys: when they go, none is there to be taken.
  const whole = treatment === "erase" ? /^(?!Replicated|Shared)\w*MergeTree$/ : /^MergeTree$/;
  const why = /^(Replicated|Shared)/.test(engine)
    ? "its copies on other servers could not be waited for"
    : engine.endsWith("MergeTree")
      ? "it would take rows for one that are equal once nobody is in them"
      : "its rows cannot be rewritten";
  return [
    tables.get(name)?.kind === "table" && !whole.test(engine),
    [],
    `${name} is of engine ${engine}: ${why}`,
    "see the README on what is possible with ClickHouse",
  ];
};

type Anonymised = Extract<TableRule, { treatment: "anonymise" }>;

const anonymiseRefused = (policy: Policy, name: string, rule: Anonymised): readonly Refused[] => {
  const {
    attacks = [],
    by = [],
    conserve = [],
    quasi = [],
    sensitive = [],
    late = "wait",
    anonymitySet,
  } = rule.analytics ?? {};
  const whose = name === policy.subject.table ? policy.subject.key : (ownerOf(policy, name) ?? "");
  const random = [...quasi, ...sensitive].find((column) => rule.columns[column]?.kind === "unique") ?? "";
  const distinct = conserve.some(({ measure }) => measure === "distinct");
  return [
    [
      rule.aggregate !== undefined,
      ["aggregate"],
      `${name}: rows of ClickHouse are counted into no other table`,
      "remove `aggregate`, and let the rows stay without the person, or go",
    ],
    [
      rule.reorder !== undefined,
      ["order"],
      `${name}: rows of ClickHouse lie in the order of its sorting key`,
      "remove `order`, and leave out of the sorting key what tells people apart",
    ],
    [
      attacks.length > 0,
      ["attack"],
      `${name}: no attack is tried in ClickHouse`,
      "remove `attack`; the label says that nothing was compared",
    ],
    [
      by.length > 0 || distinct,
      [by.length > 0 ? "by" : "conserve"],
      `${name}: in ClickHouse counts and sums are conserved by period alone`,
      "remove `by` and `distinct(…)`",
    ],
    [
      anonymitySet === "nameless",
      ["anonymity_set"],
      `${name}: in ClickHouse the rows of everybody count`,
      "remove `anonymity_set`",
    ],
    [
      late !== "wait",
      ["late"],
      `${name}: in ClickHouse who would be recognised waits, whatever their deadline`,
      "remove `late`, and make the columns coarser if that takes too long",
    ],
    [
      ["keep", "stays"].includes(rule.columns[whose]?.kind ?? ""),
      ["columns", whose],
      `${name}.${whose} says whose a row is, and would go on saying so`,
      "set it to null, or to a value that is nobody's",
    ],
    [
      random !== "",
      ["columns", random],
      `${name}.${random} is measured, and would be different in every row`,
      "leave it out of what is measured, or make it coarser",
    ],
    ...Object.entries(rule.columns).map(([column, transform]): Refused => [
      !isSupported(transform),
      ["columns", column],
      `${name}.${column}: {${transform.kind}} is not done in ClickHouse`,
      "use {set: …}, {truncate: …}, {generalise: …}, {band: …}, {code: …}, {rare: …} or {unique: …}",
    ]),
  ];
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
