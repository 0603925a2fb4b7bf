import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Config } from "#config.ts";
import { goneFrom, heldFrom, isThere, keptBackups, purgedFrom } from "#db/backup-sets.ts";
import type { StateDb } from "#db/state-schema.ts";
import { touchedStores } from "#db/touched-stores.ts";

/** What may still hold the person of a request in one repository, as it was listed last. */
export type Holding = {
  readonly repository: string;
  /** The configuration names it. */
  readonly configured: boolean;
  readonly store: string;
  readonly sets: number;
  /** Archives of the write-ahead log that go back to before the erasure. */
  readonly logs: number;
  /** Of the newest of the sets: ISO date, by the controller's clocks. */
  readonly newest: string | null;
  /** ISO date on which the last of them is past its retention; null while a legal hold keeps one, a restore of the store is not released, the person is not erased, or the configuration does not name the repository. */
  readonly clearOn: string | null;
  /** References of the holds that do. */
  readonly holds: readonly string[];
};

/** `repository, store, keep_days`: those of the configuration, and those that it names no more: nobody knows until when the latter keep what they have. */
const repositoriesOf = (backups: Config["backups"]): RawBuilder<unknown> => sql`
  select * from unnest(${backups.map(({ name }) => name)}::text[], ${backups.map(({ store }) => store)}::text[],
    ${backups.map(({ keepDays }) => keepDays)}::int[]) as configured (repository, store, keep_days)
  union all select repository, store, null from lethe.backup_place where repository <> all (${backups.map(({ name }) => name)}::text[])`;

/**
 * The chain of custody of one request: the repositories that may still hold its person, until there are none. Of a request that is not erased yet,
 * everything that is there may.
 */
export const backupsHolding = async (
  db: Kysely<StateDb>,
  { backups, controller }: Pick<Config, "backups" | "controller">,
  requestRef: string,
): Promise<readonly Holding[]> => {
  const gone = goneFrom(sql`repository.store`);
  const mayHold = (since: typeof heldFrom) => sql`(request.erased_at is null or ${since} <= ${gone})`;
  // While the person is not erased, or a restore that brought them back is not released, backups go on to be made of them.
  const over = sql`coalesce(isfinite(${gone}), false)`;
  // The log before what still needs it goes with that.
  const { rows } = await sql<Holding>`
    with request as (select * from lethe.request where ref = ${requestRef}),
    repository as (
      select repository, store, keep_days from (${repositoriesOf(backups)}) as repository),
    kept as (select repository, name, array_agg(hold order by hold) as holds from (${keptBackups(controller.timeZone)}) as kept
      group by repository, name),
    copy as (
      select held.repository, 1 as sets, 0 as logs, held.taken_at, ${purgedFrom} as counts_from, kept.holds, ${over} as over
        from lethe.backup_set held join repository using (repository) left join kept using (repository, name), request where ${isThere} and ${mayHold(heldFrom)}
      union all
      select log.repository, 0, 1, null, case when ${over} then ${gone} end, null, ${over}
        from lethe.backup_log log join repository using (repository), request where ${mayHold(sql`log.since`)})
    select repository.repository, bool_or(keep_days is not null) as configured, repository.store, sum(sets) as sets, sum(logs) as logs,
      (max(taken_at) at time zone ${controller.timeZone})::date as newest,
      case when bool_and(copy.holds is null and copy.over) then
        (max(counts_from + keep_days * interval '24 hours') at time zone ${controller.timeZone})::date end as "clearOn",
      coalesce((select array_agg(distinct hold order by hold) from copy held, unnest(held.holds) as hold
        where held.repository = repository.repository), '{}') as holds
    from request join repository on repository.store in (${touchedStores}) join copy using (repository)
    group by repository.repository, repository.store order by repository.repository`.execute(db);
  return rows;
};

/**
 * `id, copies`: how many backups, and archives of the log, may still hold the person of each erased request; who is in none is left out. Counted along
 * the time, so that thousands of people and of backups are passed once.
 */
export const holdingErased = (backups: Config["backups"]): RawBuilder<unknown> => sql`
  with repository as (select repository, store from (${repositoriesOf(backups)}) as repository),
    moment as (
      select store, ${heldFrom} as at, 1 as copy, null::bigint as id from lethe.backup_set held join repository using (repository) where ${isThere}
      union all select store, since, 1, null from lethe.backup_log join repository using (repository)
      union all select place.store, ${goneFrom(sql`place.store`)}, 0, request.id from lethe.request cross join lateral (${touchedStores}) as place
        where request.state = 'erased'),
    along as (select id, sum(copy) over (partition by store order by at, copy desc rows unbounded preceding) as copies from moment)
  select id, sum(copies)::bigint as copies from along where id is not null group by id having sum(copies) > 0`;
