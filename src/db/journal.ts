import { sql, type Kysely } from "kysely";
import type { MigrationProvider } from "kysely/migration";

/**
 * The journal: schema `lethe` inside every subject store. What a batch did commits there in the same transaction as
 * the changes themselves, so that after a crash there is one place to ask what happened (I3). It holds references,
 * names of tables and counts, no identifiers and no keys.
 */
export const journalMigrations: MigrationProvider = {
  getMigrations: () => Promise.resolve({ "0001-journal": { up: (db: Kysely<unknown>) => createJournal(db, "lethe") } }),
};

/** The store's own, or a temporary one that ends with the transaction: a policy's examples leave no trace. */
export type JournalSchema = "lethe" | "pg_temp";

export const createJournal = async (db: Kysely<unknown>, schema: JournalSchema): Promise<void> => {
  const at = sql.raw(schema);
  const statements = [
    sql`create table ${at}.journal_batch (
      id uuid primary key, plan text not null, stage text not null, committed_at timestamptz not null, requests integer not null,
      xact xid8 not null default pg_current_xact_id())`,
    // By its transaction the guards know a batch, whose rows they let pass.
    sql`create index journal_batch_xact on ${at}.journal_batch (xact)`,
    // With what they seal their notes to themselves.
    sql`create table ${at}.guard_secret as select gen_random_uuid() as secret`,
    // A request is executed at most once in a store, whoever runs it (I14): the second runner violates this key.
    sql`create table ${at}.journal_request (
      ref text not null, stage text not null, batch uuid not null references ${at}.journal_batch, primary key (ref, stage))`,
    sql`create table ${at}.journal_step (
      batch uuid not null references ${at}.journal_batch, request bigint not null, table_name text not null,
      treatment text not null, rows bigint not null, clock_first date, clock_last date, undated bigint not null default 0, late text)`,
    sql`create index journal_step_batch on ${at}.journal_step (batch)`,
    sql`create table ${at}.journal_spared (
      batch uuid not null references ${at}.journal_batch, request bigint not null, table_name text not null, rows bigint not null)`,
    // Emptied as soon as the totals are in Lethe's own database: some of them may be one person's (I8).
    sql`create table ${at}.journal_total (
      batch uuid not null references ${at}.journal_batch, table_name text not null, measure text not null,
      period date not null, dimensions jsonb not null, before numeric not null, after numeric not null, equal boolean not null,
      people bigint not null, threshold bigint not null, late boolean not null)`,
    sql`create table ${at}.journal_remedy (
      batch uuid not null references ${at}.journal_batch, request bigint not null, code text not null, table_name text not null,
      action text not null, rows bigint not null)`,
    sql`create table ${at}.journal_stay (
      batch uuid not null references ${at}.journal_batch, request bigint not null, table_name text not null,
      column_name text not null, rows bigint not null, clock_last date)`,
    sql`create table ${at}.journal_figure (
      batch uuid not null references ${at}.journal_batch, figure text not null, before numeric not null, after numeric not null)`,
    // Emptied as soon as the tasks are in Lethe's own database: the reference names a record elsewhere (I8).
    sql`create table ${at}.journal_task (
      batch uuid not null references ${at}.journal_batch, request bigint not null, recipient text not null, task text not null,
      reference text not null)`,
    // That a restored store was looked through: a later restore loses it, even where it loses no batch.
    sql`create table ${at}.journal_marker (id uuid primary key, written_at timestamptz not null)`,
    // What expired without a request; emptied as soon as it is on record in Lethe's own database.
    sql`create table ${at}.journal_expiry (
      id uuid primary key, plan text not null, table_name text not null, treatment text not null, class text, basis text not null,
      through date not null, rows bigint not null, clock_first date not null, clock_last date not null, committed_at timestamptz not null)`,
    // Retained rows of erased subjects that only some roles may read (Art. 18 GDPR): the row-level policies ask for them.
    sql`create table if not exists ${at}.restricted (relation regclass not null, key text not null, primary key (relation, key))`,
    sql`alter table ${at}.journal_task alter column reference set statistics 0`,
    ...["dimensions", "before", "after"].map(
      (name) => sql`alter table ${at}.journal_total alter column ${sql.id(name)} set statistics 0`,
    ),
  ];
  for (const statement of statements) await statement.execute(db);
};
