import { everyStore, type Context, type Store } from "#context.ts";
import { analyseState } from "#db/state.ts";
import { reopenReactivated } from "#night/reactivation.ts";
import { abandonBatch, unsettledBatches } from "#execute/batches.ts";
import { collectBatch } from "#execute/collect.ts";
import { marksInForce } from "#execute/guard-marks.ts";
import { assureGuards } from "#execute/guards.ts";
import { assureRestrictions } from "#execute/restrictions.ts";
import { releaseClaims, returnForApproval } from "#execute/stops.ts";
import * as claims from "#execute/claims.ts";
import * as locations from "#execute/locations.ts";
import { settleDoneBefore } from "#execute/same-person.ts";
import { settleShared } from "#execute/shared.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { anyWantedAgain, saveAbsences, wantedAgain, wantedIn, type PassedOn } from "#execute/wanted.ts";
import { clearPartialExports } from "#export/directory.ts";
import { currentShape } from "#forecast.ts";
import { faultPoint } from "#lib/fault.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import { shapeDigest } from "#plan/shape.ts";
import type { Run } from "#records/run.ts";
import { borneBySeveral, locate, type Wanted } from "#scope/locate.ts";
import { workOn } from "#night/work-on.ts";

/** What a night knows of whom it looks up: the requests that cannot go on, and what stores have told before. */
export type Lookup = { readonly ambiguous: number[]; readonly passedOn: PassedOn };

/** Works on a store; one that cannot be asked is noted. */
export type Ask = (store: Store, work: (session: StoreSession) => Promise<void>) => Promise<void>;

/** Settles what a run that died left open, then looks up where the subjects of all due requests are. */
export const find = (ctx: Context, run: Run, store: Store, { ambiguous, passedOn }: Lookup): Promise<void> =>
  workOn(ctx, store, async (session) => {
    ctx.progress.stage(`Find subjects in ${store.name}`);
    await analyseState(ctx.state);
    await settle(ctx, run, store);
    // Who was brought back by a restore has not activated anything.
    if (ctx.restore === undefined) await reopenReactivated(ctx, run, session);
    const { shape, catalog } = await currentShape(session);
    await assureRestrictions(session, shape, catalog);
    await assureGuards(session, shape, await marksInForce(ctx, store.name));
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    await locations.forgetLocations(ctx, store.name);
    const several = await lookUp(ctx, run, session, wantedIn(ctx, store.name, passedOn));
    ambiguous.push(...several);
    faultPoint("after-subjects-located");
    await settleDoneBefore(ctx, store.name, several);
    await saveAbsences(ctx, store.name, { ambiguous: several, passedOn });
    await analyseState(ctx.state);
    const count = await claims.countClaims(ctx, store.name);
    ctx.progress.end(several.length === 0 ? `${count} found` : `${count} found, ${several.length} ambiguous or held`);
  });

/** Returns the requests that cannot go on: of two people, or of one whom another request holds. */
const lookUp = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  wanted: AsyncIterable<Wanted>,
): Promise<readonly number[]> => {
  const { name, policy } = session.store;
  const search = (whom: AsyncIterable<Wanted>) => locate(session.client, session.db, policy.subject, whom);
  const ambiguous = await inTransaction(session, "read-write", () =>
    locations.saveLocated(ctx, run, name, search(wanted), (kind, value) =>
      normaliseFound(kind, value, ctx.config.controller.country),
    ),
  );
  // One store has nobody to tell.
  if (everyStore(ctx).length > 1) {
    await inTransaction(session, "read-write", () =>
      settleShared(ctx, name, (found) => borneBySeveral(session.client, session.db, policy.subject, found)),
    );
  }
  if (!(await locations.anyHeld(ctx))) return ambiguous;
  const held = await inTransaction(session, "read-write", () =>
    locations.stopHeld(ctx, run, name, search(locations.heldIn(ctx, name))),
  );
  return [...ambiguous, ...held];
};

/** A store may know a subject by what another one found. */
export const findAcross = async (ctx: Context, run: Run, { ambiguous, passedOn }: Lookup, ask: Ask): Promise<void> => {
  for (let before = -1, now = 0; before < now;) {
    before = now;
    now = 0;
    for (const store of ctx.stores) {
      if (await anyWantedAgain(ctx, store.name, passedOn)) {
        await ask(store, async (session) => {
          ambiguous.push(...(await lookUp(ctx, run, session, wantedAgain(ctx, store.name, passedOn))));
        });
      }
      now += await claims.countClaims(ctx, store.name);
    }
  }
  await releaseClaims(ctx.state.db, ambiguous);
};

/** A batch that was frozen when its run died either committed, and the store's journal says so, or never happened. */
const settle = async (ctx: Context, run: Run, store: Store): Promise<void> => {
  for (const id of await unsettledBatches(ctx, store)) {
    if (!(await collectBatch(ctx, run, store, id))) await abandonBatch(ctx, id);
  }
  await clearPartialExports(ctx, store.name);
};
