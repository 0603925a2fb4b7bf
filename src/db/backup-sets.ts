import { sql, type RawBuilder } from "kysely";

/** The moment since which a row of `lethe.backup_set held` may hold data: the earlier of its two dates. */
export const heldFrom: RawBuilder<string> = sql`least(held.taken_at, held.modified_at)`;

/**
 * The moment up to which backups of `store` may hold the person of an erased `lethe.request`: the erasure; or where a restore has brought them
 * back since, its release.
 */
export const goneFrom = (store: RawBuilder<unknown>): RawBuilder<string> =>
  sql`greatest(request.erased_at, (select max(coalesce(restored.released_at, 'infinity')) from lethe.restore restored
    where restored.store = ${store} and (restored.blank or restored.as_of <= request.erased_at)))`;

/** The moment from which its retention counts, as `dueAt` has it: of dates that are too far apart the later. */
export const purgedFrom: RawBuilder<string> = sql`case
  when held.modified_at > held.taken_at + interval '48 hours' then held.modified_at else held.taken_at end`;

export const isThere: RawBuilder<boolean> = sql`held.state in ('listed', 'condemned')`;

/**
 * `repository, name, hold`: the backups that legal holds in force keep, by the reference of each, as far as they were listed. A hold of some days covers
 * what was begun or finished on one of them, in `timeZone`; and what a covered backup needs is kept with it, or nobody could read it.
 */
export const keptBackups = (timeZone: string): RawBuilder<unknown> => {
  const [began, ended] = ["least", "greatest"].map(
    (which) => sql`(${sql.raw(which)}(held.taken_at, held.modified_at) at time zone ${timeZone}::text)::date`,
  );
  return sql`with recursive kept as (
    select held.repository, held.name, h.ref as hold from lethe.hold h join lethe.backup_set held on held.repository = h.repository and ${isThere}
    where h.kind = 'backups' and h.released_at is null and (h.backup is null or h.backup = held.name)
      and (h.from_on is null or ${ended} >= h.from_on) and (h.to_on is null or ${began} <= h.to_on)
    union
    select held.repository, held.name, kept.hold from kept join lethe.backup_set builds using (repository, name)
      cross join lateral jsonb_array_elements_text(builds.needs) as needed
      join lethe.backup_set held on held.repository = kept.repository and held.name = needed and ${isThere}
    where builds.state in ('listed', 'condemned')) select * from kept`;
};
