import { sql, type Kysely } from "kysely";
import { keptBackups } from "#db/backup-sets.ts";
import type { StateDb } from "#db/state-schema.ts";

/** The backups of a repository that legal holds keep, whatever their age: by name. */
export type Kept = {
  readonly names: ReadonlySet<string>;
  /** Number of the latest hold on backups of it: another means that one was placed since. */
  readonly latest: number;
};

/** Of what the state database has listed: what is newer is not due. */
export const keptIn = async (db: Kysely<StateDb>, repository: string, timeZone: string): Promise<Kept> => {
  const latest = await latestHold(db, repository);
  const { rows } = await sql<{ name: string }>`select distinct name from (${keptBackups(timeZone)}) as kept
    where repository = ${repository}`.execute(db);
  return { names: new Set(rows.map(({ name }) => name)), latest };
};

/** The same now, read again only where a hold was placed since: it wins over whatever is not deleted yet. */
export const keptSince = async (
  db: Kysely<StateDb>,
  repository: string,
  timeZone: string,
  before: Kept,
): Promise<Kept> => ((await latestHold(db, repository)) === before.latest ? before : keptIn(db, repository, timeZone));

const latestHold = async (db: Kysely<StateDb>, repository: string): Promise<number> => {
  const { rows } = await sql<{ latest: number | null }>`select max(id) as latest from lethe.hold
    where kind = 'backups' and repository = ${repository}`.execute(db);
  return rows[0]?.latest ?? 0;
};
