import { sql, type Kysely } from "kysely";
import { keptBackups } from "#db/backup-sets.ts";
import type { StateDb } from "#db/state-schema.ts";

/** The backups of a repository that legal holds keep, whatever their age: by name. */
export type Kept = {
  readonly names: ReadonlySet<string>;
  /** How many holds were ever placed on backups of it: more means that one was since. (Their numbers are not given in the order in which they commit.) */
  readonly placed: number;
};

/** Of what the state database has listed: what is newer is not due. */
export const keptIn = async (db: Kysely<StateDb>, repository: string, timeZone: string): Promise<Kept> => {
  const placed = await placedOn(db, repository);
  const { rows } = await sql<{ name: string }>`select distinct name from (${keptBackups(timeZone)}) as kept
    where repository = ${repository}`.execute(db);
  return { names: new Set(rows.map(({ name }) => name)), placed };
};

/** The same now, read again only where a hold was placed since: it wins over whatever is not deleted yet. */
export const keptSince = async (
  db: Kysely<StateDb>,
  repository: string,
  timeZone: string,
  before: Kept,
): Promise<Kept> => ((await placedOn(db, repository)) === before.placed ? before : keptIn(db, repository, timeZone));

const placedOn = async (db: Kysely<StateDb>, repository: string): Promise<number> => {
  const { rows } = await sql<{ placed: number }>`select count(*) as placed from lethe.hold
    where kind = 'backups' and repository = ${repository}`.execute(db);
  return rows[0]?.placed ?? 0;
};
