import { verifyColumns } from "#clickhouse/verify.ts";
import type { Context, Store } from "#context.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Run } from "#records/run.ts";
import type { Anonymity } from "#records/anonymity.ts";
import { beyondStays, isLeft } from "#verify/left.ts";
import type { Hit } from "#verify/search.ts";
import { declareDone } from "#verify/declare.ts";
import { recordMeasures } from "#verify/record-measures.ts";
import { anonymisedTables, countReady, failResiduals, soughtIdentifiers, soughtKeys } from "#verify/settle.ts";
import type { Sought, SoughtKey } from "#verify/sought.ts";
import { verifyStore, type StoreFindings } from "#verify/verify-store.ts";

export type Verified = { readonly erased: number; readonly failed: number };

/**
 * Nothing is erased before it was searched for and not found (I7): one search of every store for all requests that wait, whoever
 * executed them and in whichever night. Any store that cannot be searched leaves them waiting.
 */
export const verifyErased = async (ctx: Context, run: Run): Promise<Verified> => {
  if ((await countReady(ctx)) === 0) {
    await removeDeadRows(ctx);
    return { erased: 0, failed: 0 };
  }
  const hits: (Hit & { store: string })[] = [];
  const anonymity: Anonymity[] = [];
  const searches = [
    ...ctx.stores.map((store): Search => ({
      store,
      search: (sought, changed) => verifyStore(ctx, store, sought, changed),
    })),
    ...ctx.columnStores.map((store): Search => ({
      store,
      search: (sought, changed) => verifyColumns(ctx, store, sought, changed),
    })),
  ];
  for (const { store, search } of searches) {
    const changed = await anonymisedTables(ctx, store.name);
    const findings = await search({ identifiers: soughtIdentifiers(ctx), keys: soughtKeys(ctx, store.name) }, changed);
    const { left = [], found: residuals = [] } = Object.groupBy(findings.hits, (hit) =>
      isLeft(store.policy, findings.catalog, hit) ? "left" : "found",
    );
    residuals.push(...(await beyondStays(ctx.state.db, store.name, store.policy, left)));
    hits.push(...residuals.map((hit) => ({ ...hit, store: store.name })));
    anonymity.push(...findings.anonymity);
  }
  faultPoint("before-verified-recorded");
  await recordMeasures(ctx, run, anonymity);
  faultPoint("after-measures-recorded");
  const failed = await failResiduals(ctx, run, hits);
  const erased = await declareDone(ctx, run);
  await removeDeadRows(ctx);
  return { erased, failed };
};

type Search = {
  readonly store: Pick<Store, "name" | "policy">;
  readonly search: (
    sought: { readonly identifiers: AsyncIterable<Sought>; readonly keys: AsyncIterable<SoughtKey> },
    changed: ReadonlySet<string>,
  ) => Promise<Omit<StoreFindings, "tables">>;
};
