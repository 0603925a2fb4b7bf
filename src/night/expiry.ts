import type { Catalog } from "#catalog/catalog.ts";
import type { Context } from "#context.ts";
import { refreshViews, renewStatistics } from "#execute/aftermath.ts";
import { collectExpiry } from "#execute/collect-expiry.ts";
import { expireRows, type Protected } from "#execute/expire.ts";
import { anyHeld, heldIn } from "#execute/locations.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { currentShape } from "#forecast.ts";
import { appendEntries } from "#ledger/append.ts";
import { digestOf } from "#lib/canonical.ts";
import { dayIn } from "#lib/clock.ts";
import { faultPoint } from "#lib/fault.ts";
import { uuidFrom } from "#lib/random.ts";
import { holdsNow } from "#night/held.ts";
import { expiryPlan } from "#plan/expiry.ts";
import type { ExpiryPlan } from "#records/expiry.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { createScopeTables, type ScopeSubject } from "#scope/derive.ts";
import { locate } from "#scope/locate.ts";
import { unnamed } from "#scope/subjects.ts";

/** Rows in one transaction. */
const chunk = 10_000;

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
  await createScopeTables(session.db, shape);
  const { timeZone } = ctx.config.controller;
  let left = store.config.expireRows;
  for (const step of plan.steps) {
    ctx.progress.stage(`Expire ${step.table} in ${store.name}`);
    let gone = 0;
    while (left > 0 && !ctx.signal.aborted) {
      const limit = Math.min(chunk, left);
      const expired = { id: uuidFrom(ctx.random(16)), plan: digest, at: ctx.clock.now().toString(), timeZone, limit };
      // A hold that was placed meanwhile wins from the next transaction on.
      const rows = await expireRows(session, step, expired, await protectedIn(ctx, session, shape, catalog));
      if (rows === 0) break;
      faultPoint("after-expiry-commit");
      await collectExpiry(ctx, run, store);
      left -= rows;
      gone += rows;
      ctx.progress.advance(gone, gone, "rows");
    }
    ctx.progress.end(`${gone} rows`);
  }
  // What PostgreSQL itself keeps of rows that are gone (requirement F).
  if (left < store.config.expireRows) {
    await refreshViews(session, shape);
    await renewStatistics(
      session,
      shape,
      plan.steps.map(({ table }) => table),
    );
  }
  return plan;
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
