import { sql, type Kysely } from "kysely";
import { Temporal } from "temporal-polyfill";
import { byName, type BackupSet, type KnownSet, type KnownSets, type LogArchive } from "#backups/repository.ts";
import type { StateDb } from "#db/state-schema.ts";

/** A set that the state database believes to be in its repository. */
export type HeldSet = KnownSet & { readonly state: "listed" | "condemned"; readonly unfinished: boolean };

/** Bounds what one statement holds in memory, here and there. */
const perStatement = 5_000;

/** In milliseconds, as instants of sets are: of a hundred thousand of them the text takes seconds. */
const milliseconds = (column: "taken_at" | "modified_at") =>
  sql<number>`(extract(epoch from ${sql.ref(column)}) * 1000)::bigint`;

type Db = { readonly db: Kysely<StateDb> };

/** What is known of a repository before it is listed. */
export const knownSets = async (state: Db, repository: string): Promise<KnownSets> =>
  byName(await heldSets(state, repository));

/**
 * The sets of a repository that are not known to be gone, by name, or those of them that are `wanted`. Condemned ones are hashed again before they are
 * deleted.
 */
export const heldSets = async (
  { db }: Db,
  repository: string,
  wanted: (set: Pick<BackupSet, "name" | "sha256">) => boolean = () => true,
): Promise<HeldSet[]> => {
  const found: HeldSet[] = [];
  let after: Pick<BackupSet, "name" | "sha256"> | undefined;
  for (;;) {
    const { name = "", sha256 = "" } = after ?? {};
    const rows = await db
      .selectFrom("lethe.backup_set")
      .select(["name", "sha256", "bytes", "state", "unfinished"])
      .select([milliseconds("taken_at").as("taken"), milliseconds("modified_at").as("modified")])
      .where("repository", "=", repository)
      .where("state", "in", ["listed", "condemned"])
      .where(sql<boolean>`(name, sha256) > (${name}, ${sha256})`)
      .orderBy("name")
      .orderBy("sha256")
      .limit(perStatement)
      .execute();
    for (const row of rows) {
      if (!wanted(row)) continue;
      found.push({
        name: row.name,
        sha256: row.sha256,
        bytes: row.bytes,
        taken: Temporal.Instant.fromEpochMilliseconds(row.taken),
        modified: Temporal.Instant.fromEpochMilliseconds(row.modified),
        rehash: row.state === "condemned",
        state: row.state === "condemned" ? "condemned" : "listed",
        unfinished: row.unfinished,
      });
    }
    if (rows.length < perStatement) return found;
    after = rows.at(-1);
  }
};

/** Records what is in the repository now. A set that came back after it was purged or had vanished is listed again. */
export const saveInventory = async (
  db: Kysely<StateDb>,
  repository: string,
  sets: readonly BackupSet[],
  meta: { readonly at: Temporal.Instant; readonly run: string },
): Promise<void> => {
  for (let first = 0; first < sets.length; first += perStatement) {
    await saveSome(db, repository, sets.slice(first, first + perStatement), meta);
  }
};

const saveSome: typeof saveInventory = async (db, repository, sets, meta) => {
  await sql`insert into lethe.backup_set as held
      (repository, name, sha256, bytes, taken_at, first_seen_at, modified_at, needs, state, run_id, unfinished)
    select ${repository}, name, sha256, bytes, to_timestamp(taken / 1000.0), ${meta.at.toString()},
      to_timestamp(modified / 1000.0), needs, 'listed', ${meta.run}, unfinished
    from unnest(${sets.map((set) => set.name)}::text[], ${sets.map((set) => set.sha256)}::text[],
      ${sets.map((set) => set.bytes)}::bigint[], ${sets.map((set) => set.taken.epochMilliseconds)}::bigint[],
      ${sets.map((set) => set.modified.epochMilliseconds)}::bigint[], ${sets.map((set) => JSON.stringify(set.needs))}::jsonb[],
      ${sets.map((set) => set.unfinished === true)}::boolean[])
      as found (name, sha256, bytes, taken, modified, needs, unfinished)
    on conflict (repository, name, sha256) do update
    set bytes = excluded.bytes, taken_at = excluded.taken_at, modified_at = excluded.modified_at, needs = excluded.needs, purged_at = null,
      state = case held.state when 'condemned' then 'condemned' else 'listed' end,
      run_id = case when held.state in ('listed', 'condemned') then held.run_id else excluded.run_id end
    where held.state not in ('listed', 'condemned')
      or (held.bytes, held.taken_at, held.modified_at, held.needs) is distinct from
        (excluded.bytes, excluded.taken_at, excluded.modified_at, excluded.needs)`.execute(db);
};

/** Records the archives of a log as they are now. */
export const saveLogs = async (db: Kysely<StateDb>, repository: string, logs: readonly LogArchive[]): Promise<void> => {
  await sql`delete from lethe.backup_log where repository = ${repository}`.execute(db);
  await sql`insert into lethe.backup_log (repository, name, since, until)
    select ${repository}, name, since, until from unnest(${logs.map(({ name }) => name)}::text[],
      ${logs.map(({ since }) => since.toString())}::timestamptz[], ${logs.map(({ until }) => until.toString())}::timestamptz[])
      as log (name, since, until)`.execute(db);
};

/** Marks sets before the first of them is deleted; to be committed before that. */
export const condemn = async (
  db: Kysely<StateDb>,
  repository: string,
  sets: readonly BackupSet[],
  run: string,
): Promise<void> => {
  await sql`update lethe.backup_set held set state = 'condemned', run_id = ${run}
    from unnest(${sets.map((set) => set.name)}::text[], ${sets.map((set) => set.sha256)}::text[]) as due (name, sha256)
    where held.repository = ${repository} and held.name = due.name and held.sha256 = due.sha256
      and held.state = 'listed'`.execute(db);
};

/** Takes back that sets were to be deleted: a legal hold has come since. */
export const spare = async (db: Kysely<StateDb>, repository: string, names: readonly string[]): Promise<void> => {
  await sql`update lethe.backup_set set state = 'listed'
    where repository = ${repository} and state = 'condemned' and name = any (${names}::text[])`.execute(db);
};

/** Unfinished sets that are gone without us: completed, as sets of their own, or given up. Nobody lost a backup. */
export const forgetEnded = async (
  db: Kysely<StateDb>,
  repository: string,
  sets: readonly Pick<BackupSet, "name" | "sha256">[],
): Promise<void> => {
  await sql`delete from lethe.backup_set held
    using unnest(${sets.map((set) => set.name)}::text[], ${sets.map((set) => set.sha256)}::text[]) as ended (name, sha256)
    where held.repository = ${repository} and held.name = ended.name and held.sha256 = ended.sha256 and held.unfinished
      and held.state in ('listed', 'condemned')`.execute(db);
};

export type Departed = {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly taken_at: string;
};

/**
 * Records sets as gone and returns those that this call recorded: when another runner was faster, nothing.
 * `purged`: we deleted them and they were read back as gone; `vanished`: gone without us.
 */
export const recordGone = async (
  db: Kysely<StateDb>,
  repository: string,
  sets: readonly Pick<BackupSet, "name" | "sha256">[],
  gone: { readonly as: "purged" | "vanished"; readonly at: Temporal.Instant; readonly run: string },
): Promise<readonly Departed[]> => {
  const { rows } = await sql<Departed>`update lethe.backup_set held
    set state = ${gone.as}, purged_at = case when ${gone.as} = 'purged' then ${gone.at.toString()}::timestamptz end,
      run_id = ${gone.run}
    from unnest(${sets.map((set) => set.name)}::text[], ${sets.map((set) => set.sha256)}::text[]) as left_ (name, sha256)
    where held.repository = ${repository} and held.name = left_.name and held.sha256 = left_.sha256
      and held.state in ('listed', 'condemned')
    returning held.name, held.sha256, held.bytes, least(held.taken_at, held.modified_at) as taken_at`.execute(db);
  return rows.toSorted((a, b) =>
    a.taken_at < b.taken_at ? -1 : a.taken_at > b.taken_at ? 1 : a.name < b.name ? -1 : 1,
  );
};
