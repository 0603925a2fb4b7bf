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
  await sql`insert into lethe.suppression (mac, key_id, store, erased_at, expires_on)
    select mac, ${ctx.keys.pseudonymId}, store, ${at.toString()}, ${clear}::date
    from unnest(${await macsOf(ctx, tx, ids)}::bytea[]) mac cross join unnest(${stores}::text[]) store on conflict do nothing`.execute(
    tx,
  );
};

/** Whoever is active again must not be deleted because of a restore. */
export const unsuppress = async (ctx: Context, tx: Kysely<StateDb>, ids: readonly number[]): Promise<void> => {
  await sql`delete from lethe.suppression where mac = any (${await macsOf(ctx, tx, ids)}::bytea[])`.execute(tx);
};

const macsOf = async (ctx: Context, tx: Kysely<StateDb>, ids: readonly number[]): Promise<readonly Buffer[]> => {
  const these = sql`any (${[...ids]}::bigint[])`;
  const named = await sql<{ kind: string; value: string }>`
    select kind, value from lethe.request_identifier where request_id = ${these}
    union select kind, value from lethe.subject_identifier where kind <> 'name' and request_id = ${these}`.execute(tx);
  const keys = await sql<{ store: string; key: string }>`
    select distinct store, key from lethe.subject where key is not null and request_id = ${these}`.execute(tx);
  const key = ctx.keys.pseudonym;
  return [
    ...named.rows.map(({ kind, value }) => macOf(key, kind, value)),
    ...keys.rows.map(({ store, key: value }) => macOf(key, keyKind(store), value)),
  ];
};
