import type { RawBuilder } from "kysely";
import { everyStore, type Context, type Store } from "#context.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { anySettled, settledIn, type PassedOn } from "#execute/wanted.ts";
import { standingElsewhere, type Elsewhere } from "#scope/locate.ts";

/**
 * Asks the stores in which it is settled whom requests mean which of their identifiers are somebody else's by now, before anybody is looked up
 * by them in the other stores. `requests` tells for a store which of the requests `r` that is about; `ask` whether the store could be asked.
 */
export const readPassedOn = async (
  ctx: Context,
  requests: (store: string) => RawBuilder<unknown>,
  ask: (store: Store, work: (session: StoreSession) => Promise<void>) => Promise<boolean>,
): Promise<PassedOn> => {
  const identifiers: Elsewhere[] = [];
  const unasked: string[] = [];
  // One store has nobody to tell.
  for (const store of everyStore(ctx).length === 1 ? [] : ctx.stores) {
    const among = requests(store.name);
    if (!(await anySettled(ctx, store.name, among))) continue;
    const asked = await ask(store, (session) =>
      inTransaction(session, "read-write", async () => {
        const { client, db } = session;
        const wanted = settledIn(ctx, store.name, among);
        for await (const rows of standingElsewhere(client, db, store.policy.subject, wanted)) identifiers.push(...rows);
      }),
    );
    if (!asked) unasked.push(store.name);
  }
  return { identifiers, unasked };
};
