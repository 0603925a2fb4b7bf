import { sql } from "kysely";
import { aloneWith } from "#clickhouse/alone.ts";
import { locateInColumns } from "#clickhouse/locate.ts";
import { settleBatches } from "#clickhouse/settle.ts";
import { currentColumnShape } from "#clickhouse/shape.ts";
import type { ColumnStore, Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { countClaims, due } from "#execute/claims.ts";
import { forgetLocations, identified, saveLocated } from "#execute/locations.ts";
import { settleDoneBefore } from "#execute/same-person.ts";
import { returnForApproval } from "#execute/stops.ts";
import { saveAbsences, wantedIn, type PassedOn } from "#execute/wanted.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import { shapeDigest } from "#plan/shape.ts";
import type { Run } from "#records/run.ts";
import type { Wanted } from "#scope/locate.ts";

/**
 * Finishes what a run that died has begun in a store of ClickHouse, then looks up there whom all due requests mean: by what they say, by what
 * the other stores told, and by the key where the policy says whose it is. Comes after those: no other store is told anything by this one.
 */
export const findInColumns = (
  ctx: Context,
  run: Run,
  store: ColumnStore,
  { ambiguous, passedOn }: { readonly ambiguous: number[]; readonly passedOn: PassedOn },
): Promise<void> =>
  aloneWith(ctx, store.name, async () => {
    ctx.progress.stage(`Find subjects in ${store.name}`);
    await settleBatches(ctx, run, store);
    const { shape } = await currentColumnShape(store);
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    await forgetLocations(ctx, store.name);
    const found = locateInColumns(store, wantedInColumns(ctx, store, passedOn));
    const several = await saveLocated(ctx, run, store.name, found, (kind, value) =>
      normaliseFound(kind, value, ctx.config.controller.country),
    );
    ambiguous.push(...several);
    await settleDoneBefore(ctx, store.name, several);
    await saveAbsences(ctx, store.name, { ambiguous, passedOn });
    const count = await countClaims(ctx, store.name);
    ctx.progress.end(several.length === 0 ? `${count} found` : `${count} found, ${several.length} ambiguous`);
  });

async function* wantedInColumns(
  ctx: Context,
  { name, policy }: ColumnStore,
  passedOn: PassedOn,
): AsyncGenerator<Wanted> {
  yield* wantedIn(ctx, name, passedOn);
  const { keyOf } = policy.subject;
  if (keyOf === undefined) return;
  const query = sql<Wanted>`select r.id as request, 'identity' as kind, s.key as value from lethe.request r
    join lethe.subject s on s.request_id = r.id and s.store = ${keyOf} and s.key is not null
    where ${due(ctx, name)} and not ${identified("r.id", name)}`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}
