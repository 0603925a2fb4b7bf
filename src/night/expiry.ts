import type { Catalog } from "#catalog/catalog.ts";
import type { Context } from "#context.ts";
import { refreshViews, renewStatistics } from "#execute/aftermath.ts";
import { collectExpiry } from "#execute/collect-expiry.ts";
import { createDueTable, earliest, expireRows, liftRestrictions, type Protected } from "#execute/expire.ts";
import { expiredTables } from "#execute/expired-tables.ts";
import { anyHeld, heldIn } from "#execute/locations.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { currentShape } from "#forecast.ts";
import { appendEntries } from "#ledger/append.ts";
import { digestOf } from "#lib/canonical.ts";
import { dayIn } from "#lib/clock.ts";
import { isLetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { uuidFrom } from "#lib/random.ts";
import { holdsNow } from "#night/held.ts";
import { expiryPlan } from "#plan/expiry.ts";
import { protectionOf } from "#plan/shape.ts";
import type { ExpiryPlan, ExpiryStep } from "#records/expiry.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { createScopeTables, type ScopeSubject } from "#scope/derive.ts";
import { locate } from "#scope/locate.ts";
import { unnamed } from "#scope/subjects.ts";

/** Rows in one transaction: a second's work or two. */
const chunk = 50_000;

/**
 * Lets go, in one store, what is older than its period, with or without a request: planned, executed table by table in chunks, journalled,
 * recorded. A night does no more than the configuration allows; the next goes on.
 */
export const expireInStore = async (ctx: Context, run: Run, session: StoreSession): Promise<ExpiryPlan | undefined> => {
  const { store } = session;
  await collectExpiry(ctx, run, store);
  const { shape, catalog } = await currentShape(session);
  const day = dayIn(ctx.clock.now(), ctx.config.controller.timeZone);
  const plan = expiryPlan(store.policy, catalog, day);
  if (plan.steps.length === 0) return undefined;
  const digest = digestOf(plan);
  await ctx.state.db.transaction().execute(async (tx) => {
    const event = { kind: "expiry.planned", plan: digest, store: store.name, tables: plan.steps.length } as const;
    await appendEntries(tx, [event], { at: ctx.clock.now(), run: run.id });
  });
  faultPoint("after-expiry-planned");
  const protection = protectionOf(store.policy, catalog, shape);
  await createScopeTables(session.db, protection);
  await createDueTable(session);
  let left = store.config.expireRows;
  for (const step of plan.steps) {
    ctx.progress.stage(`Expire ${step.table} in ${store.name}`);
    if (step.restricted.length > 0 && step.changes.length > 0) {
      const held = await protectedIn(ctx, session, protection, catalog);
      await liftRestrictions(session, step, { timeZone: ctx.config.controller.timeZone }, held);
    }
    const gone = await expireTable(ctx, run, session, step, { protection, catalog, digest, most: left });
    left -= gone;
    ctx.progress.end(`${gone} rows`);
  }
  // What PostgreSQL itself keeps of rows that are gone (requirement F).
  const expired = await expiredTables(ctx, store.name);
  const changed = plan.steps.map(({ table }) => table).filter((table) => expired.has(table));
  if (changed.length > 0) {
    const views = viewsOver(catalog, changed, shape.refresh);
    await refreshViews(session, views);
    await renewStatistics(session, [...changed, ...views]);
  }
  return plan;
};

type Expiring = {
  readonly protection: Shape;
  readonly catalog: Catalog;
  readonly digest: string;
  readonly most: number;
};

/**
 * Chunk by chunk, each from the day on with which the one before it ended: what is older was looked at and waits, and is not read again. A
 * trigger may keep rows as they are; they are passed by as well. Returns how many rows went.
 */
const expireTable = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  step: ExpiryStep,
  { protection, catalog, digest, most }: Expiring,
): Promise<number> => {
  const { timeZone } = ctx.config.controller;
  let gone = 0;
  let pass = { gone: 0, from: earliest };
  while (gone < most && !ctx.signal.aborted) {
    const limit = Math.min(chunk, most - gone);
    const chunkOf = { id: uuidFrom(ctx.random(16)), plan: digest, at: ctx.clock.now().toString(), timeZone, limit };
    // A hold that was placed meanwhile wins from the next transaction on.
    const held = await protectedIn(ctx, session, protection, catalog);
    const chunkGone = await expireRows(session, step, { ...chunkOf, from: pass.from }, held).catch((error: unknown) => {
      if (!isLetheError(error, "HOLD_WOULD_CHANGE")) throw error;
      ctx.log.warn({ store: session.store.name, table: step.table, err: error }, "old rows stay for a legal hold");
      return undefined;
    });
    if (chunkGone === undefined) break;
    const { rows, found, last } = chunkGone;
    if (rows > 0) {
      faultPoint("after-expiry-commit");
      await collectExpiry(ctx, run, session.store);
    }
    gone += rows;
    ctx.progress.advance(gone, gone, "rows");
    const more = found === limit && (rows > 0 || last !== pass.from);
    pass = { gone: pass.gone + rows, from: last };
    if (more) continue;
    // What waits may have waited for a row of the same table, which is gone now.
    if (pass.gone === 0 || !step.users.some((edge) => edge.table === step.table)) break;
    pass = { gone: 0, from: earliest };
  }
  return gone;
};

/** Those of the views that show rows of the tables, in the same order. */
const viewsOver = ({ tables }: Catalog, changed: readonly string[], views: readonly string[]): readonly string[] => {
  const sources = new Set(changed.flatMap((name) => [name, ...(tables.get(name)?.partitions ?? [])]));
  return views.filter((view) => tables.get(view)?.reads.some((source) => sources.has(source)));
};

const protectedIn = async (ctx: Context, session: StoreSession, shape: Shape, catalog: Catalog): Promise<Protected> => {
  const rows = await holdsNow(ctx, session.store, catalog);
  if (!(await anyHeld(ctx))) return { people: undefined, rows };
  const { client, db, store } = session;
  const subjects: ScopeSubject[] = [];
  await inTransaction(session, "read-write", async () => {
    for await (const found of locate(client, db, store.policy.subject, heldIn(ctx, store.name))) {
      subjects.push(...unnamed(found.map(({ request, key }) => ({ request, ref: "", key }))));
    }
  });
  return { people: { shape, subjects }, rows };
};
