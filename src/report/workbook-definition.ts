import type { Calendar } from "#report/calendar.ts";
import { exceptionRows, type ExceptionRow } from "#report/exception-rows.ts";
import type { DecidedItem, ExceptionListItem } from "#report/decision-document.ts";
import type { FigureItem, RemedyTotal, StayPlace, TaskItem } from "#report/outcome-document.ts";
import type { Limit, PolicyFacts, RunFacts } from "#report/report-document.ts";
import type {
  EndedItem,
  ExpiredItem,
  ExpiryRestItem,
  HoldItem,
  RestoreItem,
  RevisionItem,
} from "#report/retention-document.ts";
import type { ReportHead, ReportRows, ReportSource } from "#report/report-source.ts";

export type CellValue = string | number | boolean | null;

/**
 * How a column shows its values:
 * - `text`, `wrapped`, `code`: words; `code` in a fixed-width font;
 * - `state`, `treatment`, `kind`: words with a colour by their meaning;
 * - `date` takes an ISO date, or an instant to show its day; `until` a date, or words that say why there is none; `instant` an
 *   ISO instant; of instants those of the controller's time zone are shown;
 * - `count`, `ratio` (with four places), `bytes`, `total` (a decimal as text); `days` (negative is late); `check` (true is well).
 */
export type CellFormat =
  | "text"
  | "wrapped"
  | "code"
  | "state"
  | "treatment"
  | "kind"
  | "date"
  | "until"
  | "instant"
  | "count"
  | "ratio"
  | "bytes"
  | "total"
  | "days"
  | "check";

export type Tone = "plain" | "good" | "warn" | "bad" | "muted" | "accent";

/** `width` in characters. */
export type ColumnShape = { readonly header: string; readonly width: number; readonly format: CellFormat };
export type Column<Row> = ColumnShape & { readonly of: (row: Row) => CellValue };

export type Fact = { readonly name: string; readonly value: string };

/** Everything that a table of the workbook can be made of. */
type Sources = {
  [Name in keyof ReportRows]: ReturnType<ReportRows[Name]> extends AsyncIterable<infer Row> ? Row : never;
} & {
  readonly exceptions: ExceptionRow;
  readonly places: StayPlace;
  readonly remedyTotals: RemedyTotal;
  readonly figures: FigureItem;
  readonly tasks: TaskItem;
  readonly expired: ExpiredItem;
  readonly expiryRest: ExpiryRestItem;
  readonly ended: EndedItem;
  readonly legalHolds: HoldItem;
  readonly restores: RestoreItem;
  readonly revisions: RevisionItem;
  readonly policies: PolicyFacts;
  readonly runs: RunFacts;
  readonly limits: Limit;
  readonly evidence: Fact;
  readonly decided: DecidedItem;
};

/** What a workbook says of itself. `run`: the one that it is about, where it is about one. */
export type WorkbookHead = {
  readonly readAt: string;
  readonly controller: { readonly name: string; readonly timeZone: string };
  readonly run?: { readonly id: string; readonly ended: string } | undefined;
};

/** What a workbook is made of: facts that fit into memory, and whatever its tables read their rows from. */
export type WorkbookSource = { readonly head: WorkbookHead };

/** What a chart beside rows says: rows that follow one another and have the same `key` are in one. */
export type Caption = {
  readonly key: string;
  /** The finding. */
  readonly title: string;
  /** What is drawn. */
  readonly subtitle: string;
  /** For those who do not see it. */
  readonly description: string;
};

/** Bars over columns of a block, by their index. */
export type BarsShape = {
  readonly categories: number;
  readonly series: readonly { readonly column: number; readonly tone: Tone }[];
};

/** `alarming`: the last bar of its chart in this row is one that nobody may overlook. */
export type Line = {
  readonly cells: readonly CellValue[];
  readonly caption: Caption | undefined;
  readonly alarming: boolean;
};

/** A table of a sheet: its columns, and how a source becomes its rows. */
export type Block<Source = ReportSource> = {
  readonly title: string | undefined;
  /** Stands in for the rows when there are none. */
  readonly empty: string;
  readonly columns: readonly ColumnShape[];
  readonly main: boolean;
  readonly bars: BarsShape | undefined;
  readonly lines: (source: Source) => AsyncIterable<Line>;
};

export type BlockOptions<Row> = {
  readonly title?: string;
  readonly empty: string;
  readonly columns: readonly Column<Row>[];
  /** The one whose rows are looked through, of several on a sheet; the first unless one says so. */
  readonly main?: boolean;
  /** A chart beside the rows, or several. */
  readonly chart?: BarsShape & {
    readonly caption: (row: Row) => Caption;
    readonly alarming: (row: Row) => boolean;
  };
};

/** A table over rows that are read as they are written. */
export const block = <Source, Row>(
  rowsOf: (source: Source) => AsyncIterable<Row> | Iterable<Row>,
  options: BlockOptions<Row>,
): Block<Source> => ({
  title: options.title,
  empty: options.empty,
  columns: options.columns,
  main: options.main ?? false,
  bars: options.chart,
  async *lines(source) {
    for await (const row of rowsOf(source)) {
      const cells = options.columns.map((column) => column.of(row));
      yield { cells, caption: options.chart?.caption(row), alarming: options.chart?.alarming(row) ?? false };
    }
  },
});

/** A table of a signed report. */
export const table = <Name extends keyof Sources>(name: Name, options: BlockOptions<Sources[Name]>): Block =>
  block((source: ReportSource) => rowsNamed(source)[name](), options);

type Readers = { readonly [Name in keyof Sources]: () => AsyncIterable<Sources[Name]> | Iterable<Sources[Name]> };

const rowsNamed = (source: ReportSource): Readers => ({
  ...source.rows,
  exceptions: () => exceptionRows(source),
  expired: () => source.head.expiry.expired,
  expiryRest: () => source.head.expiry.rest,
  ended: () => source.head.expiry.ended,
  legalHolds: () => source.head.holds,
  restores: () => source.head.restores,
  revisions: () => source.head.revisions,
  policies: () => source.head.policies,
  runs: () => source.head.runs ?? (source.head.run === undefined ? [] : [source.head.run]),
  limits: () => source.head.limits,
  places: () => source.head.stays.places,
  remedyTotals: () => source.head.remedied.totals,
  figures: () => source.head.figures,
  tasks: () => source.head.tasks,
  evidence: () => evidenceOf(source.head),
  decided: () => source.head.exceptionLists.flatMap(decidedOf),
});

const decidedOf = ({ requests, exceptions }: ExceptionListItem): readonly DecidedItem[] =>
  exceptions.map((exception) => ({ ...exception, requests }));

const evidenceOf = ({ ledger, readAt, controller, signature }: ReportHead): Fact[] => [
  { name: "Controller", value: controller.name },
  { name: "Data protection officer", value: controller.dpo },
  { name: "Read back at", value: readAt },
  { name: "Ledger entries", value: `${ledger.from} to ${ledger.size - 1} (${ledger.size} in all)` },
  { name: "Ledger root (SHA-256, RFC 6962)", value: ledger.root },
  { name: "Signature", value: "statement.dsse.json beside this file; over the ledger's head: checkpoint" },
  { name: "Key id", value: `${signature.keyId} (${signature.algorithm})` },
  { name: "To check", value: "lethe verify <this directory> --key <public key>.pem" },
];

export type Card<Head = ReportHead> = {
  readonly label: string;
  readonly of: (head: Head) => number;
  readonly tone: (value: number) => Tone;
};
export type Bar = { readonly label: string; readonly value: number; readonly tone: Tone; readonly note?: string };
export type Panel<Head = ReportHead> = {
  readonly title: string;
  readonly bars: (head: Head) => readonly Bar[];
  /** How many bars there would be beside those; none unless given. */
  readonly more?: (head: Head) => number;
  /** A sentence below the bars. */
  readonly note?: (head: Head) => string;
  /** Muted unless it says something that nobody may miss. */
  readonly noteTone?: (head: Head) => Tone;
};

/** The first sheet: rows of big figures, then panels of bars side by side, then sentences. */
export type SummarySheet<Head = ReportHead> = {
  readonly name: string;
  /** Below the title: what the workbook is of. */
  readonly subtitle: (head: Head) => string;
  readonly cards: readonly (readonly Card<Head>[])[];
  readonly panels: readonly (readonly [Panel<Head>, Panel<Head>])[];
  /** The sentences at the foot of the sheet. */
  readonly closing: (head: Head) => readonly Sentence[];
};

/** Muted unless it says something that nobody may miss. */
export type Sentence = string | { readonly text: string; readonly tone: Tone };

export type TableSheet<Source = ReportSource> = {
  readonly name: string;
  /** One sentence: what the sheet states. */
  readonly about: string;
  readonly tab: Tone;
  /** Columns that stay in sight when a wide sheet is scrolled; none unless given. */
  readonly frozenColumns?: number;
  readonly blocks: readonly Block<Source>[];
};

/** A sheet with a row of days for each of a few things. */
export type CalendarSheet<Source = ReportSource> = Pick<TableSheet<Source>, "name" | "about" | "tab"> & {
  readonly calendar: (source: Source) => Promise<Calendar>;
};

/** A workbook as data: its title and its sheets in order. */
export type WorkbookDefinition<Source extends WorkbookSource> = {
  readonly title: string;
  readonly summary: SummarySheet<Source["head"]>;
  readonly sheets: readonly (TableSheet<Source> | CalendarSheet<Source>)[];
};

export type ReportDefinition = WorkbookDefinition<ReportSource>;
