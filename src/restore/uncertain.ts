import { sql } from "kysely";
import type { Context } from "#context.ts";

/** Rows of which a person has to say whether they are of somebody who was erased: by the key of the row, and nothing else. */
export const uncertainIn = async (
  { state }: Pick<Context, "state">,
  store: string,
): Promise<readonly { readonly request: string; readonly key: string }[]> => {
  const { rows } = await sql<{ request: string; key: string }>`select r.ref as request, i.key from lethe.request r
    join lethe.restore o on o.id = r.restore_id join lethe.identity i on i.request_id = r.id and i.store = o.store
    where o.store = ${store} and o.released_at is null and r.state = 'verified' order by r.id`.execute(state.db);
  return rows;
};
