import { sql, type Kysely } from "kysely";
import type { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { clearOn } from "#db/clear-on.ts";
import type { StateDb } from "#db/state-schema.ts";
import { keyKind, macOf } from "#lib/mac.ts";

/**
 * B5: keeps by what the subjects of requests are recognised in a restore: keyed hash, key id, scope and expiry, in every store that has
 * backups; nothing else.
 */
export const suppress = async (
  ctx: Context,
  tx: Kysely<StateDb>,
  ids: readonly number[],
  at: Temporal.Instant,
): Promise<void> => {
  const stores = [...new Set(ctx.config.backups.map((backup) => backup.store))];
  const clear = clearOn(ctx.config, at);
  if (stores.length === 0 || clear === null) return;
  const named = await macsOf(ctx, tx, ids);
  await sql`insert into lethe.suppression (mac, key_id, store, erased_at, batch_id, expires_on)
    select distinct on (mac, backed.store) mac, ${ctx.keys.pseudonymId}, backed.store, ${at.toString()}, s.batch_id, ${clear}::date
    from unnest(${named.map(({ mac }) => mac)}::bytea[], ${named.map(({ request }) => request)}::bigint[]) as named (mac, request)
    cross join unnest(${stores}::text[]) as backed (store)
    left join lethe.subject s on s.request_id = named.request and s.store = backed.store
    order by mac, backed.store, s.batch_id on conflict do nothing`.execute(tx);
};

/** Whoever is active again must not be deleted because of a restore. */
export const unsuppress = async (ctx: Context, tx: Kysely<StateDb>, ids: readonly number[]): Promise<void> => {
  const macs = (await macsOf(ctx, tx, ids)).map(({ mac }) => mac);
  await sql`delete from lethe.suppression where mac = any (${macs}::bytea[])`.execute(tx);
};

type Named = { readonly request: number; readonly mac: Buffer };

const macsOf = async (ctx: Context, tx: Kysely<StateDb>, ids: readonly number[]): Promise<readonly Named[]> => {
  const these = sql`any (${[...ids]}::bigint[])`;
  const named = await sql<{ request: number; kind: string; value: string }>`
    select request_id as request, kind, value from lethe.request_identifier where request_id = ${these}
    union select request_id, kind, value from lethe.subject_identifier where kind <> 'name' and request_id = ${these}`.execute(
    tx,
  );
  const keys = await sql<{ request: number; store: string; key: string }>`
    select request_id as request, store, key from lethe.subject where key is not null and request_id = ${these}`.execute(
    tx,
  );
  const key = ctx.keys.pseudonym;
  return [
    ...named.rows.map(({ request, kind, value }) => ({ request, mac: macOf(key, kind, value) })),
    ...keys.rows.map(({ request, store, key: value }) => ({ request, mac: macOf(key, keyKind(store), value) })),
  ];
};
