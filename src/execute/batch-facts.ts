import { sql, type RawBuilder } from "kysely";
import type { JournalSchema } from "#db/journal.ts";
import type { Moment } from "#execute/transforms.ts";

/** `seed` is the secret that makes `{random}` unpredictable; `at` is when the batch runs; `journal` is where it is recorded. */
export type BatchFacts = {
  readonly batch: string;
  readonly seed: string;
  readonly at: Moment;
  /** The controller's. */
  readonly timeZone: string;
  readonly journal: JournalSchema;
};

/** A table of the journal that the batch is recorded in. */
export const journalTable = ({ journal }: Pick<BatchFacts, "journal">, name: string): RawBuilder<unknown> =>
  sql.id(journal, `journal_${name}`);
