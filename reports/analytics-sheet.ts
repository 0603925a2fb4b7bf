import { figure } from "#lib/figure.ts";
import type { AttackResult, Measures, Reason } from "#records/anonymity.ts";
import type { AnonymityItem, ConservedItem } from "#report/anonymity-document.ts";
import type { ReportSource } from "#report/report-source.ts";
import { block, table, type TableSheet } from "#report/workbook-definition.ts";
import { classSizes } from "#reports/class-sizes.ts";

const inRows = (count: number): string => `${figure(count)} ${count === 1 ? "row" : "rows"}`;

const why: Readonly<Record<Reason, (item: AnonymityItem) => string>> = {
  "small-classes": ({ below, nameless, threshold }) =>
    `${inRows(nameless?.below ?? below)} in classes of fewer than ${threshold}`,
  "few-values": ({ least }) => `a class with fewer than ${least} values of a sensitive column`,
  "far-values": ({ most }) => `a class further than ${most} from the whole table`,
  matched: ({ attacks }) => `${inRows(Math.max(...attacks.map(({ one }) => one)))} that one person alone fits`,
  "known-rows": ({ known }) => `${inRows(known)} of people who are known`,
  stays: ({ stays }) => `personal data that stays on purpose: ${stays.join(", ")}`,
  "unmeasured-columns": ({ unmeasured }) =>
    `columns by which somebody may be singled out, whatever k is: ${unmeasured.join(", ")}`,
  "not-compared": ({ notCompared }) => `records that are kept and were not compared: ${notCompared.join(", ")}`,
  "in-backups": () => "backups that hold the rows as they were",
  "backups-unknown": () => "no backups are configured, so nobody knows what such hold",
  "in-exports": () => "encrypted copies of people's records as they were, which nobody here deletes",
};

/** What is to be known of the measure before. */
const beforeText = ({ beforeMissed, beforeIn }: AnonymityItem): readonly string[] => [
  ...(beforeMissed === null ? [] : ["not measured before: the store's statement_timeout came first"]),
  ...(beforeIn === null ? [] : [`measured before in run ${beforeIn}, which died`]),
];

/** The largest distance and the fewest values of any sensitive column. */
const largest = (measures: Measures | null): number | null =>
  measures === null || measures.sensitive.length === 0 ? null : Math.max(...measures.sensitive.map(({ t }) => t));
const fewest = (measures: Measures | null): number | null =>
  measures === null || measures.sensitive.length === 0 ? null : Math.min(...measures.sensitive.map(({ l }) => l));

type Named = Pick<AnonymityItem, "store" | "table">;

/** One row for each part of each measured table. */
const each = <Part>(partsOf: (item: AnonymityItem) => readonly Part[]) =>
  async function* ({ rows }: ReportSource): AsyncGenerator<Named & Part> {
    for await (const item of rows.anonymity()) {
      for (const part of partsOf(item)) yield { store: item.store, table: item.table, ...part };
    }
  };

const knowledge: Readonly<Record<AttackResult["precision"], string>> = {
  exact: "day and cent",
  banded: "month and two digits",
};

/** `country DE, plan pro`; empty where the period alone divides the totals. */
const cellText = ({ by }: Pick<ConservedItem, "by">): string =>
  by === null
    ? "what is of few people, or would give them away"
    : Object.entries(by)
        .map(([name, value]) => `${name} ${value ?? "(empty)"}`)
        .join(", ");

const lateWords = { suppress: "emptied", erase: "erased" } as const;

const untold = { withheld: "withheld", "several-batches": "not added up" } as const;
const untoldOf = (row: ConservedItem): string | null => (row.untold === null ? null : untold[row.untold]);

const unkept = { deadline: "a deadline came too early" } as const;

const store = { header: "Store", width: 16, format: "text", of: (row: Named) => row.store } as const;
const tableColumn = { header: "Table", width: 28, format: "text", of: (row: Named) => row.table } as const;

export const analyticsSheet: TableSheet = {
  name: "Analytics",
  about:
    "Whole tables, measured after the commit, and once more where old rows went after it; totals read before and after in the changing transaction. k counts rows, where each batch had to reach it with all rows of a person as one. De-identified is not anonymous: the reasons stand beside it.",
  tab: "accent",
  blocks: [
    table("anonymity", {
      title: "How well people are hidden",
      empty: "This run measured no table.",
      columns: [
        store,
        tableColumn,
        { header: "Called", width: 24, format: "text", of: (row) => row.label },
        { header: "k before", width: 14, format: "count", of: (row) => row.before?.k ?? null },
        { header: "k after", width: 14, format: "count", of: (row) => row.k },
        { header: "k, nameless", width: 12, format: "count", of: (row) => row.nameless?.k ?? null },
        { header: "k wanted", width: 14, format: "count", of: (row) => row.threshold },
        { header: "Rows", width: 14, format: "count", of: (row) => row.rows },
        { header: "Rows below k", width: 14, format: "count", of: (row) => row.below },
        { header: "Met", width: 12, format: "check", of: (row) => row.met },
        { header: "Rows touched", width: 14, format: "count", of: (row) => row.touched },
        {
          header: "Because",
          width: 48,
          format: "wrapped",
          of: (row) => [...row.reasons.map((reason) => why[reason](row)), ...beforeText(row)].join("; "),
        },
        { header: "Quasi-identifiers", width: 30, format: "wrapped", of: (row) => row.quasi.join(", ") },
        { header: "Measured", width: 17, format: "instant", of: (row) => row.measuredAt },
      ],
    }),
    classSizes,
    table("anonymity", {
      title: "Measured besides k",
      empty: "This run measured no table.",
      columns: [
        store,
        tableColumn,
        { header: "Classes before", width: 14, format: "count", of: (row) => row.before?.classes ?? null },
        { header: "Classes after", width: 14, format: "count", of: (row) => row.classes },
        { header: "Alone before", width: 14, format: "count", of: (row) => row.before?.unique ?? null },
        { header: "Alone after", width: 14, format: "count", of: (row) => row.unique },
        { header: "l before", width: 11, format: "count", of: (row) => fewest(row.before) },
        { header: "l after", width: 11, format: "count", of: fewest },
        { header: "l wanted", width: 11, format: "count", of: (row) => row.least },
        { header: "t before", width: 11, format: "ratio", of: (row) => largest(row.before) },
        { header: "t after", width: 11, format: "ratio", of: largest },
        { header: "t wanted", width: 11, format: "ratio", of: (row) => row.most },
      ],
    }),
    block(
      each(({ attacks }) => attacks),
      {
        title: "Joined to records that are kept: how many people fit a row",
        empty: "No policy lists what else somebody may know.",
        columns: [
          store,
          tableColumn,
          { header: "Known", width: 24, format: "text", of: (row) => row.knows },
          { header: "Compared by", width: 24, format: "text", of: (row) => knowledge[row.precision] },
          { header: "No unique match", width: 16, format: "check", of: (row) => row.one === 0 },
          { header: "Rows compared", width: 15, format: "count", of: (row) => row.rows },
          { header: "Nobody", width: 12, format: "count", of: (row) => row.nobody },
          { header: "One person", width: 12, format: "count", of: (row) => row.one },
          { header: "Fewer than k", width: 14, format: "count", of: (row) => row.few },
          { header: "k or more", width: 12, format: "count", of: (row) => row.many },
        ],
      },
    ),
    block(
      each(({ sensitive }) => sensitive),
      {
        title: "What nobody should learn of somebody in a class",
        empty: "No policy names sensitive columns.",
        columns: [
          store,
          tableColumn,
          { header: "Column", width: 24, format: "text", of: (row) => row.column },
          { header: "As", width: 12, format: "text", of: (row) => (row.ordered ? "ordered" : "categories") },
          { header: "Values", width: 12, format: "count", of: (row) => row.values },
          { header: "l", width: 10, format: "count", of: (row) => row.l },
          { header: "Entropy l", width: 12, format: "ratio", of: (row) => row.entropyL },
          { header: "t", width: 12, format: "ratio", of: (row) => row.t },
        ],
      },
    ),
    table("late", {
      title: "Whose deadline came before enough others did",
      empty: "Nobody's rows were emptied, or went, for a deadline.",
      columns: [
        store,
        tableColumn,
        { header: "Request", width: 24, format: "code", of: (row) => row.ref },
        { header: "Due", width: 14, format: "date", of: (row) => row.due },
        { header: "Instead of its rule", width: 24, format: "text", of: (row) => lateWords[row.late] },
        { header: "Rows", width: 12, format: "count", of: (row) => row.rows },
      ],
    }),
    table("conserved", {
      title: "Totals before and after",
      empty: "This run changed no analytics.",
      main: true,
      columns: [
        store,
        tableColumn,
        { header: "Measure", width: 30, format: "text", of: (row) => row.measure },
        { header: "Period from", width: 14, format: "date", of: (row) => row.period },
        { header: "Of", width: 30, format: "wrapped", of: cellText },
        { header: "Before", width: 16, format: "total", of: (row) => row.before ?? untoldOf(row) },
        { header: "After", width: 16, format: "total", of: (row) => row.after ?? untoldOf(row) },
        { header: "Equal", width: 10, format: "check", of: (row) => row.equal },
        {
          header: "Not kept because",
          width: 30,
          format: "text",
          of: (row) => (row.why === null ? null : unkept[row.why]),
        },
      ],
    }),
  ],
};
