import { attackRule, measuredTables } from "#anonymity/measure-rule.ts";
import type { Context } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";
import type { AttackResult } from "#records/anonymity.ts";

export type StoreAttack = AttackResult & { readonly store: string; readonly table: string; readonly threshold: number };

/**
 * Requirement D1 as a job: joins what every store says is nobody's to the records of people that its policy lists, and counts whom that
 * finds. Changes nothing.
 */
export const attackStores = async (ctx: Context): Promise<readonly StoreAttack[]> => {
  const found: StoreAttack[] = [];
  for (const store of ctx.stores) {
    const attacked = measuredTables(store.policy).filter(({ analytics }) => analytics.attacks.length > 0);
    if (attacked.length === 0) continue;
    await withStoreSession(store, (session) =>
      inTransaction(session, "read-only", async () => {
        const catalog = await catalogOf(session);
        for (const { table, analytics } of attacked) {
          const ruled = { table, analytics, timeZone: ctx.config.controller.timeZone };
          const results = await attackRule(session.db, store.policy, catalog, ruled);
          found.push(...results.map((each) => ({ store: store.name, table, threshold: analytics.k, ...each })));
        }
      }),
    );
  }
  return found;
};
