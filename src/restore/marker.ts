import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { uuidFrom } from "#lib/random.ts";

/**
 * Marks that a store was looked through, in the store itself: by a later restore it is lost, whether or not a batch is. First in the store, so that
 * a crash in between leaves the marker before.
 */
export const markStore = async (ctx: Context, { name, pool }: Store): Promise<void> => {
  const id = uuidFrom(ctx.random(16));
  const at = ctx.clock.now().toString();
  await withClient(pool, (client) =>
    sql`insert into lethe.journal_marker (id, written_at) values (${id}, ${at})`.execute(kyselyOn(client)),
  );
  await sql`insert into lethe.store_marker (store, id, written_at) values (${name}, ${id}, ${at})
    on conflict (store) do update set id = excluded.id, written_at = excluded.written_at`.execute(ctx.state.db);
};
