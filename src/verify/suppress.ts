import { createHmac } from "node:crypto";
import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";

/** B5: `HMAC-SHA256(key, kind:identifier)` with key id, scope and expiry, in every store that has backups; nothing else. */
export const suppress = async (
  ctx: Context,
  tx: Kysely<StateDb>,
  ids: readonly number[],
  at: string,
  clear: string | null,
): Promise<void> => {
  const stores = [...new Set(ctx.config.backups.map((backup) => backup.store))];
  if (stores.length === 0 || clear === null) return;
  const named = await sql<{ kind: string; value: string }>`
    select kind, value from lethe.request_identifier where request_id = any (${[...ids]}::bigint[])
    union select kind, value from lethe.subject_identifier where kind <> 'name' and request_id = any (${[...ids]}::bigint[])
    union select 'key@' || store, key from lethe.subject where key is not null and request_id = any (${[...ids]}::bigint[])`.execute(
    tx,
  );
  const macs = named.rows.map(({ kind, value }) =>
    createHmac("sha256", ctx.keys.pseudonym).update(`${kind}:${value}`).digest(),
  );
  await sql`insert into lethe.suppression (mac, key_id, store, erased_at, expires_on)
    select mac, ${ctx.keys.pseudonymId}, store, ${at}, ${clear}::date
    from unnest(${macs}::bytea[]) mac cross join unnest(${stores}::text[]) store on conflict do nothing`.execute(tx);
};
