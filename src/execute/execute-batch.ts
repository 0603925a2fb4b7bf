import { sql } from "kysely";
import type { Temporal } from "temporal-polyfill";
import type { JournalSchema } from "#db/journal.ts";
import { faultPoint } from "#lib/fault.ts";
import { LetheError } from "#lib/errors.ts";
import type { Shape } from "#records/plan.ts";
import { journalTable, type BatchFacts } from "#execute/batch-facts.ts";
import { cutStatement } from "#execute/cuts.ts";
import { drawOthers } from "#execute/aggregate.ts";
import { boundBy, exchangeFailure } from "#execute/exchange.ts";
import { draw, followDrawn } from "#execute/draw.ts";
import { readFigures, recordFigures } from "#execute/figures.ts";
import { assertMarked } from "#execute/marks.ts";
import { assertCut, assertDone, readBack } from "#execute/read-back.ts";
import { groupMeans } from "#execute/means.ts";
import { recordTasks } from "#execute/recipients.ts";
import { remedy } from "#execute/remedies.ts";
import { recordSpared, statementFor } from "#execute/statements.ts";
import { assertHidden, recordStays } from "#execute/stays.ts";
import type { StoreSession } from "#execute/store-session.ts";
import { deriveAgain, type ScopeSubject } from "#scope/derive.ts";

export type BatchOrder = {
  readonly id: string;
  readonly planHash: string;
  readonly seed: string;
  readonly at: Temporal.Instant;
  /** ISO date where the controller is. */
  readonly day: string;
  readonly timeZone: string;
  readonly subjects: readonly ScopeSubject[];
  /** Takes out of the scope tables once more what legal holds cover, after a scope was derived again. */
  readonly leaveOut?: () => Promise<void>;
};

/**
 * Runs a plan in the caller's transaction, whose snapshot is the one that the plan was read from and whose scope tables still hold
 * its rows: what was planned is what is changed (I2). A row that somebody else has changed since fails with SQLSTATE 40001. The
 * changes and the journal that says so commit together or not at all (I3, I4).
 */
export const executeBatch = async (
  session: StoreSession,
  shape: Shape,
  order: BatchOrder,
  journal: JournalSchema = "lethe",
): Promise<void> => {
  const { client, db } = session;
  const facts: BatchFacts = {
    batch: order.id,
    seed: order.seed,
    at: { instant: order.at.toString(), day: order.day },
    timeZone: order.timeZone,
    journal,
  };
  await enterJournal(session, shape, order, facts);
  if (shape.deferred) await client.query("set constraints all deferred");
  const before = await readFigures(db, shape);
  await recordTasks(db, shape, facts);
  await remedy(db, shape, facts);
  for (const step of shape.steps) {
    const late = shape.scopes.find((scope) => scope.late && scope.table === step.table);
    if (late !== undefined) {
      await deriveAgain(db, shape, late);
      await order.leaveOut?.();
    }
    if (step.kind === "cut") {
      await cutStatement(shape, step).execute(db);
      await assertCut(db, shape, step);
      continue;
    }
    if (step.kind === "anonymise") {
      await draw(db, shape, step, facts.at);
      await groupMeans(db, shape, step, facts.at);
      await drawOthers(db, shape, step, facts.at);
    }
    const bound = await boundBy(db, step);
    const { rows } = await statementFor(shape, step, facts)
      .execute(db)
      .catch((error: unknown) => {
        throw exchangeFailure(error, bound);
      });
    const [done] = rows;
    if (done === undefined) throw new TypeError("a statement says what it did");
    if (step.kind === "anonymise") await followDrawn(db, shape, step);
    await assertDone(db, shape, step, done);
  }
  if (shape.scopes.some((scope) => scope.contested || scope.uses.length > 0)) {
    await recordSpared(shape, facts).execute(db);
  }
  await recordStays(db, shape, facts);
  await recordFigures(db, shape, facts, before);
  await assertTotals(session, shape, facts);
  // Triggers of the store that wait for the commit have their say before it is read back what the rows say.
  if (shape.triggered.length > 0) await client.query("set constraints all immediate");
  await assertMarked(db, shape);
  await assertHidden(db, shape);
  await readBack(db, shape, facts.at);
  faultPoint("before-batch-commit");
};

const enterJournal = async (
  { db }: StoreSession,
  { stage }: Shape,
  { id, planHash, at, subjects }: BatchOrder,
  facts: BatchFacts,
): Promise<void> => {
  await sql`insert into ${journalTable(facts, "batch")} (id, plan, stage, committed_at, requests)
    values (${id}, ${planHash}, ${stage}, ${at.toString()}, ${subjects.length})`.execute(db);
  await sql`insert into ${journalTable(facts, "request")} (ref, stage, batch)
    select ref, ${stage}, ${id} from unnest(${subjects.map((subject) => subject.ref)}::text[]) ref`.execute(db);
};

/** A conserved total that is not equal before and after undoes the batch, unless a deadline has made that so: then it is reported. */
const assertTotals = async ({ db, store }: StoreSession, { steps }: Shape, facts: BatchFacts): Promise<void> => {
  const changed = await sql<{ table_name: string; measure: string }>`
    select table_name, measure from ${journalTable(facts, "total")} where batch = ${facts.batch} and not equal and not late limit 1`.execute(
    db,
  );
  const [total] = changed.rows;
  if (total === undefined) return;
  const [counts] = steps.flatMap((step) =>
    step.kind === "anonymise" && step.table === total.table_name ? (step.aggregate ?? []) : [],
  );
  const hint =
    counts === undefined
      ? "let the policy keep the columns that the total is made of, and its clock within the period"
      : `what went is not what was added to ${counts.into}: let no trigger change that, and its columns hold as many decimals`;
  throw new LetheError("TOTALS_CHANGED", `store ${store.name}: ${total.measure} of ${total.table_name} would change`, {
    hint,
  });
};
