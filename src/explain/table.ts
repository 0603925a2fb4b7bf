import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { durationText } from "#lib/duration-text.ts";
import type { Place } from "#lib/errors.ts";
import { blockersAt, type BlockerExplanation } from "#explain/blockers.ts";
import { explainColumn, type ColumnExplanation } from "#explain/column.ts";
import { databaseWords } from "#explain/database.ts";
import { pathsTo, sharingWords } from "#explain/paths.ts";
import { changesWords } from "#explain/words.ts";
import type { Aggregate, Analytics, Policy, RetentionClass } from "#policy/policy.ts";
import type { Shape } from "#records/plan.ts";
import type { Treatment } from "#records/treatment.ts";

type Read = { readonly name: string; readonly place: Place };

/** Everything that a policy and a store say about one table, or about one column of it. */
export type Explanation = {
  readonly store: string;
  readonly policy: string;
  readonly version: number;
  readonly table: string;
  readonly column: string | null;
  readonly kind: CatalogTable["kind"];
  readonly rule: { readonly treatment: Treatment; readonly place: Place } | null;
  /** What happens to the rows, and why, in sentences. */
  readonly says: readonly string[];
  /** The ways by which rows belong to a subject. */
  readonly paths: readonly string[];
  /** When a row is spared. */
  readonly sharing: readonly string[];
  readonly columns: readonly ColumnExplanation[];
  /** Lines that stop a request, or are remedied, because of its rows. */
  readonly blockers: readonly BlockerExplanation[];
  /** What the database does by itself. */
  readonly database: readonly string[];
  readonly figures: readonly Read[];
  readonly recipients: readonly Read[];
  readonly examples: readonly Read[];
};

/** A pure function of policy, schema and rules; `column` narrows it to one column of the table. */
export const explain = (
  policy: Policy,
  catalog: Catalog,
  shape: Shape,
  table: CatalogTable,
  column: string | undefined,
): Explanation => {
  const rule = policy.tables[table.name];
  const columns = table.columns.filter(({ name }) => column === undefined || name === column);
  const figures = policy.figures.flatMap(({ figure, table: read, measure, where }, index): Read[] => {
    const names = [...(measure.measure === "count" ? [] : [measure.column]), ...Object.keys(where)];
    if (read !== table.name || (column !== undefined && !names.includes(column))) return [];
    return [{ name: figure, place: policy.placeOf(["figures", index]) }];
  });
  const recipients = policy.recipients.flatMap(({ recipient, task, table: read, reference, index }): Read[] => {
    if (read !== table.name || (column !== undefined && column !== reference)) return [];
    return [{ name: `${recipient}: ${task}, by ${reference}`, place: policy.placeOf(["recipients", index]) }];
  });
  const examples = policy.examples.flatMap(({ example, then }, index): Read[] =>
    Object.hasOwn(then, table.name) ? [{ name: example, place: policy.placeOf(["examples", index]) }] : [],
  );
  return {
    store: catalog.store,
    policy: policy.name,
    version: policy.version,
    table: table.name,
    column: column ?? null,
    kind: table.kind,
    rule: rule === undefined ? null : { treatment: rule.treatment, place: policy.placeOf(["tables", table.name]) },
    says: [
      ...ruleWords(policy, shape, table),
      ...deletionWords(policy, shape, table.name),
      ...expiryWords(policy, table.name),
    ],
    paths: pathsTo(policy, catalog, table.name),
    sharing: sharingWords(shape, table.name),
    columns: columns.map((each) => explainColumn(policy, shape, table, each)),
    blockers: blockersAt(policy, shape, table.name, column),
    database: databaseWords(policy, catalog, shape, table),
    figures,
    recipients,
    examples: column === undefined ? examples : [],
  };
};

const ruleWords = (policy: Policy, shape: Shape, table: CatalogTable): readonly string[] => {
  const rule = policy.tables[table.name];
  switch (rule?.treatment) {
    case undefined:
      if (table.kind === "view" || table.kind === "materialised-view") {
        return [`It shows what ${table.reads.join(", ") || "no table"} holds and needs no rule.`];
      }
      return ["No rule names it, and no reference leads to it from a subject: its rows are not touched."];
    case "erase": {
      const { decided } = rule;
      const why = decided === undefined ? [] : [`Decided by ${decided.by} on ${decided.on}: ${decided.why}.`];
      return ["The subject's rows are deleted.", ...why];
    }
    case "anonymise": {
      const { analytics } = rule;
      const totals = (analytics?.conserve ?? []).map((total) =>
        total.measure === "count"
          ? "the number of rows"
          : total.measure === "sum"
            ? `the sum of ${total.column}`
            : `the number of different values of ${total.column}`,
      );
      if (rule.aggregate !== undefined) return [...aggregateWords(rule.aggregate, analytics), ...lateWords(analytics)];
      return [
        "The subject's rows stay, and nobody is to be recognised in them.",
        ...(totals.length === 0
          ? []
          : [
              `In every ${[analytics?.per, ...(analytics?.by ?? [])].join(" and every ")} ${totals.join(" and ")} must be the same before and after, or the batch is undone.`,
            ]),
        ...(analytics === undefined || analytics.quasi.length === 0
          ? []
          : [
              `Wherever its rows are, at least ${analytics.k} rows of the whole table must be equal in ${analytics.quasi.join(", ")}, and of as many people as far as rows say whose they are, or the request waits for others.`,
              ...(analytics.anonymitySet === "nameless"
                ? [
                    "Rows in which somebody is still named do not count for that: whoever sees whose they are is not to find the others.",
                  ]
                : []),
              ...sensitiveWords(analytics),
            ]),
        ...(analytics?.attacks ?? []).map(
          ({ knows, by }) =>
            `Its rows are compared with those of ${knows} by ${Object.entries(by)
              .map(([own, other]) => `${own} = ${other}`)
              .join(", ")}, exactly and roughly: whoever one person alone fits waits for others.`,
        ),
        ...lateWords(analytics),
        ...(rule.reorder === undefined
          ? []
          : [
              `They are taken out and put in again in random order, those of at least ${rule.reorder.among} people at a time, or the request waits for others.`,
            ]),
      ];
    }
    case "retain": {
      const retention = policy.classes[rule.class];
      const basis =
        retention === undefined
          ? ""
          : ` for ${durationText(retention.period)} ${anchorWords(retention)} ${rule.clock}, by ${retention.basis}`;
      return [
        `The subject's rows stay${basis} (class ${rule.class}), without what the law does not ask for.`,
        ...(retention === undefined ? [] : lawWords(retention)),
        ...(rule.readableBy === undefined
          ? []
          : [
              `From then on only ${rule.readableBy.join(", ")} may read them, until they expire: row-level security hides them from everybody else.`,
            ]),
      ];
    }
    case "keep":
      if (rule.personal.length === 0) return [`Its rows are not touched: ${rule.reason}.`];
      return [
        table.name === shape.root.table
          ? `The subject's row stays, with personal data in ${rule.personal.join(", ")}: ${rule.reason}.`
          : `The subject's rows stay as they are, with personal data in ${rule.personal.join(", ")}: ${rule.reason}.`,
        "What stays is counted and listed for every request.",
      ];
  }
};

const aggregateWords = (
  { into, classes, sums, period, among }: Aggregate,
  analytics: Analytics | undefined,
): readonly string[] => {
  const by = [...classes.map(({ column }) => column), ...(period === undefined ? [] : [analytics?.per ?? "period"])];
  const what = ["their number", ...sums.map(({ of }) => `the sum of ${of}`)].join(" and ");
  const other = classes.map(({ column, other: value }) => `${column} = ${value ?? "empty"}`).join(", ");
  return [
    `The subject's rows go, and ${what} by ${by.join(", ")} are added to ${into}, or the batch is undone.`,
    `What fewer than ${among} people of a batch add to is added to one class (${other}); where even there they are fewer, they wait for others.`,
  ];
};

/** What becomes of rows with time, whoever they are about. */
const expiryWords = ({ tables }: Policy, table: string): readonly string[] => {
  const rule = tables[table];
  if (rule?.expiry === undefined) {
    return rule?.treatment === "retain"
      ? ["When that time is over they stay, for the policy does not say what becomes of them."]
      : [];
  }
  const { clock, period, columns } = rule.expiry;
  const what = columns === undefined ? "rows go" : `${Object.keys(columns).join(", ")} change`;
  if ("class" in period) return [`When that time is over, ${what}, whoever they are about.`];
  return [`${durationText(period.after)} after ${clock} ${what}, whoever they are about: ${period.why}.`];
};

const lawWords = ({ law }: RetentionClass): readonly string[] => {
  if (law === undefined) return [];
  const { jurisdiction, class: name, period, verify, longer } = law;
  return [
    `The class is ${name} of ${jurisdiction}, in the version that is in force today.`,
    ...(longer === undefined ? [] : [`The law asks for ${durationText(period)}; it is kept longer: ${longer}.`]),
    ...(verify ? ["Have counsel confirm it: the citation, or what exactly it says, is not settled."] : []),
  ];
};

const anchorWords = ({ anchor }: RetentionClass): string => {
  switch (anchor) {
    case "event":
      return "from";
    case "end-of-calendar-year":
      return "from the end of the calendar year of";
    case "end-of-fiscal-year":
      return "from the end of the fiscal year of";
    case "end-of-calendar-year-of-fiscal-year-end":
      return "from the end of the calendar year in which the fiscal year ends of";
  }
};

/** When the rule of a table is carried out, and what marks the subject meanwhile. */
const deletionWords = (policy: Policy, { root, deletion, steps }: Shape, table: string): readonly string[] => {
  const { mode, grace } = policy.deletion;
  const treated = steps.some((step) => step.kind !== "cut" && step.table === table);
  if (!treated) return [];
  const mark = changesWords(deletion.mark);
  const wait = grace === undefined ? "" : durationText(grace);
  switch (mode) {
    case "hard":
      return [];
    case "scheduled":
      return [`It happens ${wait} after the request comes up; until then the request can be withdrawn.`];
    case "soft":
      return table === root.table ? [`It is marked as deleted (${mark}) and can be reactivated.`] : [];
    case "archive":
      return table === root.table ? [`It is marked for good: ${mark}.`] : [];
    case "soft-then-hard":
      return [
        ...(table === root.table ? [`First it is marked as deleted: ${mark}.`] : []),
        `The rule is carried out ${wait} after the subject was marked; until then it can be reactivated.`,
      ];
  }
};

/** Until when somebody waits for others, and what happens then. */
const lateWords = (analytics: Analytics | undefined): readonly string[] => {
  if (analytics === undefined || (analytics.quasi.length === 0 && analytics.attacks.length === 0)) return [];
  const { late, quasi, attacks } = analytics;
  switch (late) {
    case "wait":
      return [
        "Whoever waits does so beyond the deadline of the request, which is late then: the policy does not say what else.",
      ];
    case "suppress": {
      const columns = [...new Set([...quasi, ...attacks.flatMap(({ by }) => Object.keys(by))])];
      return [
        `In the last night before the deadline ${columns.join(", ")} are emptied in the rows of whoever still waits; rows that even so are in too small a class are deleted.`,
      ];
    }
    case "erase":
      return [
        "In the last night before the deadline the rows of whoever still waits are deleted, and totals are not what they were.",
      ];
  }
};

const sensitiveWords = ({ sensitive, l, t }: Analytics): readonly string[] => {
  if (sensitive.length === 0) return [];
  const asked = [
    ...(l === undefined ? [] : [`at least ${l} different values`]),
    ...(t === undefined ? [] : [`a distance from the whole table of at most ${t}`]),
  ];
  return [`Each such class must have ${asked.join(" and ")} of ${sensitive.join(", of ")}.`];
};
