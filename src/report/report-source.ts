import type { AnonymityItem, ConservedItem, LateItem } from "#report/anonymity-document.ts";
import type { OutcomeItem, RemedyItem, StayItem } from "#report/outcome-document.ts";
import type {
  BackupSetItem,
  DispositionItem,
  OverdueItem,
  ReportDocument,
  RequestItem,
  ResidualItem,
  RetainedItem,
  StoppedItem,
  WarningItem,
} from "#report/report-document.ts";

/** The parts of a report that do not grow with the number of requests. */
export type ReportHead = Omit<
  ReportDocument,
  | "type"
  | "requests"
  | "dispositions"
  | "retained"
  | "outcomes"
  | "stays"
  | "remedied"
  | "analytics"
  | "failures"
  | "blocks"
  | "residuals"
> & {
  readonly requests: Omit<ReportDocument["requests"], "overdue" | "warnings" | "items">;
  readonly outcomes: Omit<ReportDocument["outcomes"], "items">;
  readonly stays: Omit<ReportDocument["stays"], "items">;
  readonly remedied: Omit<ReportDocument["remedied"], "items">;
  /** Day of `readAt` in the controller's time zone: what deadlines are compared with. */
  readonly today: string;
  /** Sums for the summary. */
  readonly totals: ReportTotals;
};

export type ReportTotals = {
  readonly erased: number;
  readonly anonymised: number;
  readonly retained: number;
  readonly spared: number;
  /** Places with residuals that are still there. */
  readonly residuals: number;
  /** Totals of analytics that the report lists, how many of them differ, and how many others a deadline has changed. */
  readonly compared: number;
  readonly unequal: number;
  readonly unkept: number;
};

/** The parts that do: each call reads them again from the start, in the same order and from the same snapshot. */
export type ReportRows = {
  readonly requests: () => AsyncIterable<RequestItem>;
  readonly overdue: () => AsyncIterable<OverdueItem>;
  readonly warnings: () => AsyncIterable<WarningItem>;
  readonly failures: () => AsyncIterable<StoppedItem>;
  readonly blocks: () => AsyncIterable<StoppedItem>;
  readonly dispositions: () => AsyncIterable<DispositionItem>;
  readonly retained: () => AsyncIterable<RetainedItem>;
  readonly outcomes: () => AsyncIterable<OutcomeItem>;
  readonly stays: () => AsyncIterable<StayItem>;
  readonly remedied: () => AsyncIterable<RemedyItem>;
  readonly conserved: () => AsyncIterable<ConservedItem>;
  readonly late: () => AsyncIterable<LateItem>;
  readonly anonymity: () => AsyncIterable<AnonymityItem>;
  readonly residuals: () => AsyncIterable<ResidualItem>;
  readonly backupSets: () => AsyncIterable<BackupSetItem>;
};

/** What the renderers get: facts read back once, rows as often as needed. No database behind it is known to them. */
export type ReportSource = { readonly head: ReportHead; readonly rows: ReportRows };
