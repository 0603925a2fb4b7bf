import type { Context, Store } from "#context.ts";
import { alone, assureJournal, withStoreSession, type StoreSession } from "#execute/store-session.ts";
import { assertNotRestored } from "#restore/standing.ts";

/** Nobody else works on the store meanwhile. */
export const workOn = async (
  ctx: Context,
  store: Store,
  work: (session: StoreSession) => Promise<void>,
): Promise<void> => {
  await assureJournal(store);
  await assertNotRestored(ctx, store);
  return withStoreSession(store, (session) => alone(session, ctx.signal, () => work(session)));
};
