import { sql, type Kysely } from "kysely";
import type { Migration, MigrationProvider } from "kysely/migration";
import { requestStates } from "#records/request.ts";

/** Migrations of Lethe's own database, by name in order. A released migration is never edited. */
const migrations: Record<string, Migration> = {
  "0001-the-night": { up: theNight },
};

export const stateMigrations: MigrationProvider = { getMigrations: () => Promise.resolve(migrations) };

async function theNight(db: Kysely<unknown>): Promise<void> {
  const states = sql.join(requestStates.map((state) => sql.lit(state)));
  const statements = [
    sql`create table lethe.run (
      id text primary key, job text not null, started_at timestamptz not null, ended_at timestamptz,
      outcome text check (outcome in ('done', 'attention', 'failed', 'stopped')),
      ledger_from bigint not null, bundle text)`,
    sql`create table lethe.import_file (
      digest text primary key, imported_at timestamptz not null, finished_at timestamptz)`,
    sql`create table lethe.restore (
      id bigint generated always as identity primary key, store text not null, as_of timestamptz not null,
      noticed_at timestamptz not null, batches integer not null, notice integer not null default 1, blank boolean not null default false, undone_since timestamptz, scans integer not null default 0, scanned_at timestamptz,
      released_at timestamptz, repeated integer, refused integer)`,
    sql`create table lethe.store_marker (store text primary key, id uuid not null, written_at timestamptz not null)`,
    sql`create table lethe.remembered (store text primary key, since timestamptz not null)`,
    sql`create unique index restore_open on lethe.restore (store) where released_at is null`,
    sql`create table lethe.exception_list (digest text primary key, body text not null, listed_at timestamptz not null)`,
    sql`create table lethe.request (
      id bigint generated always as identity primary key, ref text not null unique,
      state text not null check (state in (${states})), held_from text check (held_from in (${states})), held_with jsonb,
      received_on date not null, due_on date not null, due_basis text not null, ground text,
      regime text not null default 'gdpr', confirm_on date, confirmed_on date, extended text, extension_noticed_on date,
      identity_asked_on date, identity_proven_on date,
      purpose text not null default 'delete-user',
      created_at timestamptz not null, changed_at timestamptz not null,
      approved_by text, approved_at timestamptz, approved_plan text, approved_shape text,
      reason text, code text, code_since timestamptz, waiting_since timestamptz, detail jsonb, repeats integer not null default 0,
      scheduled_for timestamptz, erased_at timestamptz, completed_at timestamptz, backups_clear_on date,
      run_id text references lethe.run, restore_id bigint references lethe.restore,
      exceptions text references lethe.exception_list, refusal_exception text, refusal_citation text, refusal_late jsonb)`,
    sql`create table lethe.restore_entry (
      request_id bigint primary key references lethe.request, restore_id bigint not null references lethe.restore, notice integer not null,
      mac bytea not null, certain boolean not null)`,
    sql`create index restore_entry_mac on lethe.restore_entry (restore_id, mac)`,
    sql`create index request_restore on lethe.request (restore_id) where restore_id is not null`,
    sql`create index request_state on lethe.request (state, due_on)`,
    sql`create table lethe.import_row (
      file_digest text not null references lethe.import_file, row_number integer not null,
      outcome text not null check (outcome in ('accepted', 'repeated', 'rejected')),
      request_id bigint references lethe.request, code text, primary key (file_digest, row_number))`,
    sql`create table lethe.request_identifier (
      request_id bigint not null references lethe.request, kind text not null, value text not null,
      settled boolean not null default false, primary key (request_id, kind, value))`,
    sql`create index request_identifier_value on lethe.request_identifier (kind, value)`,
    sql`create table lethe.plan (
      hash text primary key, shape text not null, store text not null, run_id text references lethe.run,
      frozen_at timestamptz not null, body text not null)`,
    sql`create table lethe.batch (
      id uuid primary key, run_id text not null references lethe.run, store text not null,
      plan_hash text not null references lethe.plan,
      state text not null check (state in ('frozen', 'committed', 'abandoned', 'lost')), requests integer not null,
      committed_at timestamptz)`,
    sql`create table lethe.column_batch (id uuid primary key, store text not null, prepared jsonb, progress jsonb)`,
    sql`alter table lethe.column_batch alter column prepared set statistics 0`,
    sql`create index batch_store on lethe.batch (store, committed_at)`,
    sql`create table lethe.subject (
      request_id bigint not null references lethe.request, store text not null, key text,
      state text not null check (state in ('located', 'executed', 'absent')),
      batch_id uuid references lethe.batch, mark jsonb, same_as bigint references lethe.request,
      primary key (request_id, store))`,
    sql`create index subject_batch on lethe.subject (batch_id)`,
    sql`create index subject_key on lethe.subject (store, key)`,
    sql`create table lethe.subject_identifier (
      request_id bigint not null references lethe.request, store text not null, kind text not null,
      value text not null, shared boolean not null default false, primary key (request_id, store, kind, value))`,
    // Whom a request means in a store: the root row that its identifiers named first; and which other request has had it erased since.
    sql`create table lethe.identity (
      request_id bigint not null references lethe.request, store text not null, key text not null,
      done_by bigint references lethe.request, gone boolean not null default false, primary key (request_id, store))`,
    sql`create index identity_key on lethe.identity (store, key)`,
    sql`alter table lethe.identity alter column key set statistics 0`,
    // An ANALYZE must not copy identifiers into pg_statistic, where deleting the row would leave them.
    sql`alter table lethe.request_identifier alter column value set statistics 0`,
    sql`alter table lethe.subject_identifier alter column value set statistics 0`,
    sql`alter table lethe.subject alter column key set statistics 0`,
    sql`create table lethe.export (
      request_id bigint not null references lethe.request, store text not null, sha256 text not null, bytes bigint not null,
      rows bigint not null, recipients text[] not null, exported_at timestamptz not null,
      run_id text not null references lethe.run, primary key (request_id, store))`,
    sql`create table lethe.disposition (
      request_id bigint not null references lethe.request, store text not null, table_name text not null,
      treatment text not null, rows bigint not null check (rows >= 0), spared bigint not null, basis text,
      clock_first date, clock_last date, until_first date, until_last date, run_id text not null references lethe.run, exception text,
      restricted boolean not null default false, undated bigint not null default 0, ended_on date, ended_as text, ended_run text references lethe.run,
      primary key (request_id, store, table_name, run_id))`,
    // A request whose rows a legal hold covers goes in parts, in several nights: each counts what it did.
    sql`create view lethe.disposed as select request_id, store, table_name, treatment, sum(rows)::bigint as rows, max(spared) as spared,
      max(basis) as basis, min(clock_first) as clock_first, max(clock_last) as clock_last, min(until_first) as until_first,
      max(until_last) as until_last, max(exception) as exception, bool_or(restricted) as restricted, max(undated) as undated,
      case when bool_and(rows = 0 or ended_on is not null) then max(ended_on) end as ended_on, max(ended_as) as ended_as from lethe.disposition group by request_id, store, table_name, treatment`,
    sql`create index disposition_retained on lethe.disposition (store, table_name, until_last) where treatment = 'retain'`,
    sql`create table lethe.retention (
      store text not null, table_name text not null, class text not null, basis text not null, period text not null,
      anchor text not null, year_begins text not null, since timestamptz not null, exception text not null,
      primary key (store, table_name))`,
    sql`create index disposition_ended on lethe.disposition (ended_run) where ended_run is not null`,
    sql`create index disposition_run on lethe.disposition (run_id)`,
    sql`create table lethe.grace (
      request_id bigint not null references lethe.request, store text not null, key text not null, mark jsonb,
      lost boolean not null default false, primary key (request_id, store))`,
    sql`create index grace_key on lethe.grace (store, key)`,
    sql`alter table lethe.grace alter column key set statistics 0`,
    sql`create table lethe.reopened (
      request_id bigint not null references lethe.request, store text not null, primary key (request_id, store))`,
    sql`create table lethe.remedy (
      request_id bigint not null references lethe.request, store text not null, code text not null, table_name text not null,
      action text not null, rows bigint not null, run_id text not null references lethe.run, batch_id uuid not null)`,
    sql`create index remedy_request on lethe.remedy (request_id)`,
    sql`create index remedy_run on lethe.remedy (run_id)`,
    sql`create table lethe.stay (
      request_id bigint not null references lethe.request, store text not null, table_name text not null, column_name text not null,
      rows bigint not null, why text not null, clock_last date, until date, run_id text not null references lethe.run,
      ended_on date, primary key (request_id, store, table_name, column_name))`,
    sql`create index stay_run on lethe.stay (run_id)`,
    sql`create index stay_until on lethe.stay (store, table_name, until) where ended_on is null`,
    sql`create table lethe.outcome (
      request_id bigint not null references lethe.request, store text not null, outcome text not null,
      run_id text not null references lethe.run, primary key (request_id, store))`,
    sql`create table lethe.figure (
      run_id text not null references lethe.run, batch_id uuid not null, store text not null, figure text not null,
      before numeric not null, after numeric not null, position integer not null, id bigint generated always as identity,
      primary key (batch_id, store, figure))`,
    sql`create table lethe.task (
      id bigint generated always as identity primary key, request_id bigint not null references lethe.request, store text not null,
      recipient text not null, task text not null, reference text, state text not null check (state in ('open', 'done', 'failed')),
      recorded_at timestamptz not null, settled_at timestamptz, run_id text not null references lethe.run)`,
    sql`alter table lethe.task alter column reference set statistics 0`,
    sql`create index task_request on lethe.task (request_id)`,
    sql`create table lethe.conserved (
      run_id text not null references lethe.run, batch_id uuid not null, store text not null, table_name text not null,
      measure text not null, period date not null, before numeric not null, after numeric not null, equal boolean not null,
      late boolean not null default false, people bigint not null, threshold bigint not null, dimensions jsonb not null default '{}',
      primary key (batch_id, store, table_name, measure, period, dimensions))`,
    ...["dimensions", "before", "after"].map(
      (name) => sql`alter table lethe.conserved alter column ${sql.id(name)} set statistics 0`,
    ),
    sql`create index conserved_run on lethe.conserved (run_id)`,
    // What the reports of a run tell of them. Nothing else is known by then.
    sql`create table lethe.conserved_told (
      run_id text not null references lethe.run, store text not null, table_name text not null, measure text not null, period date not null,
      dimensions jsonb, withheld boolean not null, before numeric, after numeric, batches bigint, equal boolean not null, late boolean not null)`,
    sql`create index conserved_told_run on lethe.conserved_told (run_id)`,
    // Whose deadline came before enough others did.
    sql`create table lethe.late (
      request_id bigint not null references lethe.request, store text not null, table_name text not null,
      late text not null check (late in ('suppress', 'erase')), rows bigint not null, run_id text not null references lethe.run,
      primary key (request_id, store, table_name))`,
    sql`create index late_run on lethe.late (run_id)`,
    sql`create table lethe.anonymity (
      run_id text not null references lethe.run, store text not null, table_name text not null, quasi jsonb not null,
      threshold bigint not null, k bigint not null, classes bigint not null, rows bigint not null,
      below bigint not null, measured_at timestamptz not null, more jsonb not null, primary key (run_id, store, table_name))`,
    sql`create table lethe.anonymity_before (
      run_id text not null references lethe.run, store text not null, table_name text not null, measures jsonb,
      missed text check (missed in ('timeout')), measured_in text references lethe.run, check ((measures is null) = (missed is not null)),
      primary key (run_id, store, table_name))`,
    // Empty between nights.
    sql`create table lethe.gathered (
      request_id bigint not null references lethe.request, store text not null, round integer not null, class integer not null,
      code text not null, detail jsonb not null, primary key (request_id, store))`,
    sql`create table lethe.residual (
      run_id text not null references lethe.run, request_id bigint not null references lethe.request,
      store text not null, table_name text not null, column_name text not null, rows bigint not null,
      primary key (run_id, request_id, store, table_name, column_name))`,
    sql`create table lethe.suppression (
      mac bytea not null, key_id text not null, store text not null, erased_at timestamptz not null,
      batch_id uuid references lethe.batch, expires_on date not null, primary key (mac, store, erased_at))`,
    sql`create table lethe.forgotten (store text primary key, erased_at timestamptz not null)`,
    sql`create table lethe.expiry (
      id uuid primary key, run_id text not null references lethe.run, store text not null, table_name text not null,
      treatment text not null, class text, basis text not null, through date not null, rows bigint not null,
      clock_first date not null, clock_last date not null)`,
    sql`create index expiry_run on lethe.expiry (run_id)`,
    sql`create table lethe.expiry_rest (
      run_id text not null references lethe.run, store text not null, table_name text not null, due bigint not null,
      without_clock bigint not null, indexed boolean not null, proposal text[] not null, primary key (run_id, store, table_name))`,
    sql`create table lethe.hold (
      id bigint generated always as identity primary key, ref text not null unique, matter text not null, reason text not null,
      kind text not null check (kind in ('request', 'subject', 'rows', 'backups')), request_id bigint references lethe.request,
      store text, table_name text, clock text, repository text, backup text, from_on date, to_on date, until_on date,
      placed_by text not null, placed_at timestamptz not null, released_by text, released_at timestamptz,
      check ((kind = 'request') = (request_id is not null)), check ((kind = 'rows') = (table_name is not null)),
      check ((kind = 'backups') = (repository is not null)), check ((kind in ('rows', 'backups')) = (store is not null)))`,
    sql`create index hold_in_force on lethe.hold (kind, store) where released_at is null`,
    sql`create index hold_matter on lethe.hold (matter) where released_at is null`,
    // Whom a hold on somebody who has asked for nothing means: forgotten with its release.
    sql`create table lethe.hold_identifier (
      hold_id bigint not null references lethe.hold, kind text not null, value text not null, primary key (hold_id, kind, value))`,
    sql`create table lethe.hold_subject (
      hold_id bigint not null references lethe.hold, store text not null, key text not null, primary key (hold_id, store))`,
    sql`create index hold_subject_key on lethe.hold_subject (store, key)`,
    sql`alter table lethe.hold_identifier alter column value set statistics 0`,
    sql`alter table lethe.hold_subject alter column key set statistics 0`,
    sql`create table lethe.backup_set (
      repository text not null, name text not null, sha256 text not null, bytes bigint not null,
      taken_at timestamptz not null, first_seen_at timestamptz not null, modified_at timestamptz not null,
      purged_at timestamptz, state text not null check (state in ('listed', 'condemned', 'purged', 'vanished')),
      run_id text references lethe.run, needs jsonb not null default '[]', unfinished boolean not null default false,
      primary key (repository, name, sha256))`,
    sql`create table lethe.backup_place (repository text primary key, store text not null, place text not null)`,
    sql`create table lethe.backup_log (
      repository text not null, name text not null, since timestamptz not null, until timestamptz not null,
      primary key (repository, name))`,
    sql`create table lethe.drill (
      id bigint generated always as identity primary key, repository text not null, store text not null, name text, sha256 text,
      outcome text not null check (outcome in ('clean', 'waiting', 'failed')), code text, restored_s integer, replayed_s integer,
      repeated bigint not null, waiting bigint not null, drilled_at timestamptz not null, run_id text references lethe.run)`,
    sql`create table lethe.ledger_entry (
      index bigint primary key, kind text not null, run_id text, request_ref text, body text not null)`,
    sql`create index ledger_entry_request on lethe.ledger_entry (request_ref) where request_ref is not null`,
    sql`create table lethe.ledger_head (
      "only" boolean primary key default true check ("only"), size bigint not null, root bytea not null,
      frontier bytea[] not null, last_at timestamptz not null)`,
    sql`create table lethe.checkpoint (
      size bigint primary key, root bytea not null, frontier bytea[] not null, note text not null,
      signed_at timestamptz not null, run_id text)`,
    sql`create table lethe.job_state (job text primary key, last_due_at timestamptz, last_ended_at timestamptz)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
