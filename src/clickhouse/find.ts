import { sql } from "kysely";
import { aloneWith } from "#clickhouse/alone.ts";
import { locateInColumns } from "#clickhouse/locate.ts";
import { settleBatches } from "#clickhouse/settle.ts";
import { currentColumnShape } from "#clickhouse/shape.ts";
import type { ColumnStore, Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { countClaims, due } from "#execute/claims.ts";
import { anyHeld, forgetLocations, heldIn, identified, saveLocated, stopHeld } from "#execute/locations.ts";
import { settleDoneBefore } from "#execute/same-person.ts";
import { returnForApproval } from "#execute/stops.ts";
import { saveAbsences, wantedIn, type PassedOn } from "#execute/wanted.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import { shapeDigest } from "#plan/shape.ts";
import type { Run } from "#records/run.ts";
import type { Wanted } from "#scope/locate.ts";

/**
 * Finishes what a run that died has begun in a store of ClickHouse, then looks up there whom all due requests mean: by the key, where the policy
 * says whose it is and that store knows the person, else by what they say and the other stores told. Comes after those: no other store is told
 * anything by this one.
 */
export const findInColumns = async (
  ctx: Context,
  run: Run,
  store: ColumnStore,
  { ambiguous, passedOn }: { readonly ambiguous: number[]; readonly passedOn: PassedOn },
): Promise<void> => {
  await aloneWith(ctx, store.name, async () => {
    ctx.progress.stage(`Find subjects in ${store.name}`);
    await settleBatches(ctx, run, store);
    const { shape } = await currentColumnShape(store);
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    await forgetLocations(ctx, store.name);
    const found = locateInColumns(ctx, store, wantedInColumns(ctx, store, passedOn));
    const several = await saveLocated(ctx, run, store.name, found, (kind, value) =>
      normaliseFound(kind, value, ctx.config.controller.country),
    );
    const stopped = [...several, ...(await heldInColumns(ctx, run, store))];
    ambiguous.push(...stopped);
    await settleDoneBefore(ctx, store.name, stopped);
    await saveAbsences(ctx, store.name, { ambiguous, passedOn });
    const count = await countClaims(ctx, store.name);
    ctx.progress.end(stopped.length === 0 ? `${count} found` : `${count} found, ${stopped.length} ambiguous or held`);
  });
};

async function* wantedInColumns(
  ctx: Context,
  { name, policy }: ColumnStore,
  passedOn: PassedOn,
): AsyncGenerator<Wanted> {
  const { keyOf } = policy.subject;
  const keyed = new Set<number>();
  if (keyOf !== undefined) {
    const query = sql<Wanted>`select r.id as request, 'identity' as kind, s.key as value from lethe.request r
      join lethe.subject s on s.request_id = r.id and s.store = ${keyOf} and s.key is not null
      where ${due(ctx, name)} and not ${identified("r.id", name)}`;
    for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) {
      for (const row of rows) keyed.add(row.request);
      yield* rows;
    }
  }
  // Whoever else's address stands on an event: whom the store knows by its key is that one.
  for await (const each of wantedIn(ctx, name, passedOn)) {
    if (each.kind === "identity" || !keyed.has(each.request)) yield each;
  }
}

/** A hold is on a person, whichever store knows them by what. Returns the requests that wait for it. */
const heldInColumns = async (ctx: Context, run: Run, store: ColumnStore): Promise<readonly number[]> => {
  if (!(await anyHeld(ctx))) return [];
  return stopHeld(ctx, run, store.name, locateInColumns(ctx, store, heldPeople(ctx, store)));
};

async function* heldPeople(ctx: Context, { name, policy }: ColumnStore): AsyncGenerator<Wanted> {
  yield* heldIn(ctx, name);
  const { keyOf } = policy.subject;
  if (keyOf === undefined) return;
  const { rows } = await sql<Wanted>`
    select k.request_id as request, 'identity' as kind, k.key as value from lethe.request r
      join lethe.identity k on k.request_id = r.id and k.store = ${keyOf} where r.state = 'held'
    union select -k.hold_id, 'identity', k.key from lethe.hold h
      join lethe.hold_subject k on k.hold_id = h.id and k.store = ${keyOf} where h.kind = 'subject' and h.released_at is null`.execute(
    ctx.state.db,
  );
  yield* rows;
}
