import { sql, type Kysely } from "kysely";
import { Migrator, type MigrationProvider } from "kysely/migration";
import { LetheError } from "#lib/errors.ts";
import { databaseError, sqlFailureOf } from "#db/database-error.ts";

/**
 * Brings a `lethe` schema up to date; safe under concurrent callers (kysely takes a lock). The schema must exist or the role
 * must be allowed to create it.
 */
export const migrate = async <DB>(db: Kysely<DB>, label: string, provider: MigrationProvider): Promise<void> => {
  if (await isUpToDate(db, provider)) return;
  const present = await sql<{ present: boolean }>`select to_regnamespace('lethe') is not null as present`
    .execute(db)
    .catch((error: unknown) => {
      throw databaseError(error, label);
    });
  if (present.rows[0]?.present !== true) {
    await sql`create schema if not exists lethe`.execute(db).catch((error: unknown) => {
      // Two at once see none, and both make it: who comes second violates a key of the catalog.
      if (sqlFailureOf(error)?.sqlstate === "23505") return;
      throw databaseError(error, label);
    });
  }
  const migrator = new Migrator({
    db: db as Kysely<unknown>,
    provider,
    migrationTableSchema: "lethe",
    migrationTableName: "migration",
    migrationLockTableName: "migration_lock",
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const known = databaseError(error, label);
    if (known instanceof LetheError) throw known;
    throw new LetheError("DATABASE_FAILED", `database ${label}: the schema lethe could not be brought up to date`, {
      hint: "check that the role may create tables in the schema lethe",
      cause: error,
    });
  }
};

/**
 * Whether exactly the migrations that are known here have been carried out. kysely looks into every column of every table
 * of the database, twice, before it finds the same, and it is asked for every command and for every store a night.
 */
const isUpToDate = async <DB>(db: Kysely<DB>, provider: MigrationProvider): Promise<boolean> => {
  const known = Object.keys(await provider.getMigrations());
  try {
    const { rows } = await sql<{ name: string }>`select name from lethe.migration`.execute(db);
    const done = new Set(rows.map(({ name }) => name));
    return done.size === known.length && known.every((name) => done.has(name));
  } catch {
    // There is no such table yet, or whatever is wrong is told by who wants to change something.
    return false;
  }
};
