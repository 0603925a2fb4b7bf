import type { Kysely } from "kysely";
import { copiesOf } from "#anonymity/copies.ts";
import { reasonsOf } from "#anonymity/label.ts";
import { measuredTables, measureRule } from "#anonymity/measure-rule.ts";
import { recordsOf } from "#anonymity/records.ts";
import type { Catalog } from "#catalog/catalog.ts";
import { everyStore, type Context, type Store } from "#context.ts";
import type { Anonymity } from "#records/anonymity.ts";

/**
 * Whole tables as they stand after the commit (requirement D3): k, l and t, whom the policy's attacks find, and why the rows are not called
 * anonymous. Unit: rows.
 */
export const measureAnonymity = async (
  ctx: Context,
  db: Kysely<unknown>,
  store: Store,
  catalog: Catalog,
  changed: ReadonlySet<string>,
): Promise<readonly Anonymity[]> => {
  const measured: Anonymity[] = [];
  const { timeZone } = ctx.config.controller;
  const copies = await copiesOf(ctx, store.name);
  // No query joins two databases, and nothing keeps an attacker from it.
  const elsewhere = everyStore(ctx).flatMap(({ name, policy }) =>
    name === store.name ? [] : recordsOf(policy).map((table) => `${name}: ${table}`),
  );
  for (const analysed of measuredTables(store.policy)) {
    if (!changed.has(analysed.table)) continue;
    const measure = await measureRule(db, store.policy, catalog, { ...analysed, timeZone });
    const found = { ...measure, notCompared: [...measure.notCompared, ...elsewhere] };
    const reasons = reasonsOf({ ...found, copies });
    measured.push({ store: store.name, ...found, reasons, measuredAt: ctx.clock.now().toString() });
  }
  return measured;
};
