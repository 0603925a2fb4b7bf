import { sql, type Kysely } from "kysely";
import type { StoreSession } from "#execute/store-session.ts";
import type { LateTreatment } from "#records/anonymity.ts";
import type { Shape } from "#records/plan.ts";

export type StepRow = {
  request: number;
  table_name: string;
  treatment: string;
  rows: number;
  clock_first: string | null;
  clock_last: string | null;
  /** Retained rows without a clock. */
  undated: number;
  /** What was done in the place of the rule, because the deadline has come. */
  late: LateTreatment | null;
};
export type SparedRow = { request: number; table_name: string; rows: number };
export type TotalRow = {
  table_name: string;
  measure: string;
  period: string;
  /** The values by which the total is divided beside the period. */
  dimensions: Readonly<Record<string, string | null>>;
  before: string;
  after: string;
  /** And as many values that cannot be added up. */
  equal: boolean;
  /** How many requests' rows it is made of, and how many those have to be before a report tells it. */
  people: number;
  threshold: number;
  late: boolean;
};
type RemedyRow = { request: number; code: string; table_name: string; action: string; rows: number };
export type StayRow = {
  request: number;
  table_name: string;
  column_name: string;
  rows: number;
  clock_last: string | null;
};
type FigureRow = { figure: string; before: string; after: string };
export type TaskRow = { request: number; recipient: string; task: string; reference: string };

/** What a store says of a batch that committed in it. */
export type Journal = {
  readonly plan: string;
  readonly stage: Shape["stage"];
  readonly requests: number;
  readonly committed_at: string;
  readonly refs: readonly string[];
  readonly steps: readonly StepRow[];
  readonly spared: readonly SparedRow[];
  readonly totals: readonly TotalRow[];
  readonly remedies: readonly RemedyRow[];
  readonly stays: readonly StayRow[];
  readonly figures: readonly FigureRow[];
  readonly tasks: readonly TaskRow[];
};

/** Undefined when the store's journal does not know the batch: it never committed. */
export const readJournal = async (db: Kysely<unknown>, id: string): Promise<Journal | undefined> => {
  const batches = await sql<Pick<Journal, "plan" | "stage" | "requests" | "committed_at">>`
    select plan, stage, requests, committed_at from lethe.journal_batch where id = ${id}`.execute(db);
  const [batch] = batches.rows;
  if (batch === undefined) return undefined;
  const rows = async <T>(columns: string, table: string): Promise<readonly T[]> =>
    (await sql<T>`select ${sql.raw(columns)} from ${sql.id("lethe", table)} where batch = ${id}`.execute(db)).rows;
  const refs = await rows<{ ref: string }>("ref", "journal_request");
  return {
    ...batch,
    refs: refs.map(({ ref }) => ref),
    steps: await rows("request, table_name, treatment, rows, clock_first, clock_last, undated, late", "journal_step"),
    spared: await rows("request, table_name, rows", "journal_spared"),
    totals: await rows(
      "table_name, measure, period, dimensions, before::text, after::text, equal, people, threshold, late",
      "journal_total",
    ),
    remedies: await rows("request, code, table_name, action, rows", "journal_remedy"),
    stays: await rows("request, table_name, column_name, rows, clock_last", "journal_stay"),
    figures: await rows("figure, before::text, after::text", "journal_figure"),
    tasks: await rows("request, recipient, task, reference", "journal_task"),
  };
};

/**
 * Once Lethe's own database holds them, what names the records elsewhere goes from the store, and so do the totals, which may be one person's (I8);
 * and from the pages in which deleted rows stay until VACUUM. A crash before this leaves them to the next run, see `batchesWithTasks`.
 */
export const forgetJournalled = async (db: Kysely<unknown>, id: string): Promise<void> => {
  await sql`delete from lethe.journal_task where batch = ${id}`.execute(db);
  await sql`delete from lethe.journal_total where batch = ${id}`.execute(db);
  await sql`vacuum lethe.journal_task, lethe.journal_total`.execute(db);
};

/** Batches whose tasks, or totals, the store still holds. */
export const batchesWithTasks = async (db: Kysely<unknown>): Promise<readonly string[]> => {
  const { rows } = await sql<{
    batch: string;
  }>`select batch from lethe.journal_task union select batch from lethe.journal_total`.execute(db);
  return rows.map(({ batch }) => batch);
};

/** Those of the given requests that the store's journal knows, with the batches that did them. */
export const journalled = async (
  { db }: StoreSession,
  stage: Shape["stage"],
  refs: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  const { rows } = await sql<{ ref: string; batch: string }>`
    select ref, batch from lethe.journal_request where stage = ${stage} and ref = any (${[...refs]}::text[])`.execute(
    db,
  );
  return new Map(rows.map(({ ref, batch }) => [ref, batch]));
};

/** The requests begin anew: their subjects are active again. */
export const unjournal = async ({ db }: StoreSession, refs: readonly string[]): Promise<void> => {
  await sql`delete from lethe.journal_request where ref = any (${[...refs]}::text[])`.execute(db);
};
