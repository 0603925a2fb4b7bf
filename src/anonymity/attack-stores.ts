import { attackTable } from "#anonymity/attack-table.ts";
import { attacksOf, treatedOf } from "#anonymity/known.ts";
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
    const attacked = Object.entries(store.policy.tables).flatMap(([table, rule]) =>
      rule.treatment === "anonymise" && rule.analytics !== undefined && rule.analytics.attacks.length > 0
        ? [{ table, analytics: rule.analytics }]
        : [],
    );
    if (attacked.length === 0) continue;
    await withStoreSession(store, (session) =>
      inTransaction(session, "read-only", async () => {
        const catalog = await catalogOf(session);
        for (const { table, analytics } of attacked) {
          const { k: least } = analytics;
          const treated = treatedOf(store.policy, catalog, table);
          for (const attack of attacksOf(store.policy, catalog, table, analytics)) {
            const results = await attackTable(session.db, table, attack, {
              treated,
              least,
              timeZone: ctx.config.controller.timeZone,
            });
            found.push(...results.map((each) => ({ store: store.name, table, threshold: least, ...each })));
          }
        }
      }),
    );
  }
  return found;
};
