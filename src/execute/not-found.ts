import { sql } from "kysely";
import { everyStore, type Context } from "#context.ts";
import { ofThisWork } from "#db/of-this-work.ts";
import { stopRequests } from "#execute/stops.ts";
import type { Run } from "#records/run.ts";

/** Whom no store knows, or one no longer: a person has to look. Who is ambiguous, or held, has been told so instead. */
export const stopNotFound = async (ctx: Context, run: Run, ambiguous: readonly number[]): Promise<void> => {
  const missing = await requestsNotFound(ctx, ambiguous);
  await stopRequests(
    ctx,
    run,
    "blocked",
    missing.map(({ request, store }) => ({
      request,
      code: "SUBJECT_NOT_FOUND",
      detail: store === null ? { hint: neverFound } : { store, hint: noLongerFound },
    })),
  );
};

const neverFound =
  "no store knows the identifiers: check them with the person, and refuse this request; then add one with the right identifiers, if any";
const noLongerFound =
  "the row that the request means is no longer there: find out what became of it, and refuse this request; then add one anew for the person's row as it is now, if any";

/** `store`: where the root row that the request means is no longer there; null where no store has ever known the subject. */
type NotFound = { readonly request: number; readonly store: string | null };

/**
 * Requests whose subject is in none of the stores; or is no longer where it was settled who it is, as long as nothing is done anywhere:
 * the person's row may have another key by now, and would be taken for somebody else's. Not those that are `ambiguous` somewhere.
 */
const requestsNotFound = async (ctx: Context, ambiguous: readonly number[]): Promise<readonly NotFound[]> => {
  const stores = everyStore(ctx).map(({ name }) => name);
  const result = await sql<NotFound>`
    select r.id as request, min(k.store) as store from lethe.request r join lethe.subject s on s.request_id = r.id
    left join lethe.identity k on k.request_id = s.request_id and k.store = s.store and s.state = 'absent'
    where ${ofThisWork(ctx)} and r.state in ('approved', 'scheduled', 'blocked', 'erasing', 'failed') and s.store = any (${stores}::text[])
      and not (r.id = any (${[...ambiguous]}::bigint[]))
    group by r.id having (count(*) = ${stores.length} and bool_and(s.state = 'absent'))
      or (min(k.store) is not null and not exists (select from lethe.subject d left join lethe.batch b on b.id = d.batch_id
        where d.request_id = r.id and (d.state = 'executed' or b.state = 'frozen')))`.execute(ctx.state.db);
  return result.rows;
};
