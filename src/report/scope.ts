import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import { LetheError } from "#lib/errors.ts";
import type { Json } from "#lib/canonical.ts";
import { all, type Snapshot } from "#report/cursor.ts";
import type { RunFacts } from "#report/report-document.ts";

/** Which runs a report is about, in order. */
export type Scope = {
  readonly runs: readonly RunFacts[];
  readonly ids: readonly string[];
  readonly period: { readonly from: string; readonly to: string } | undefined;
  /** Requests closed before this instant stand in an earlier report; null: there is none. */
  readonly since: string | null;
  /** Their ledger entries lie between these indexes, the first inclusive, the second exclusive. */
  readonly from: number;
  readonly through: number;
  /** Entries of these runs that the tables do not repeat. */
  readonly entries: readonly ScopeEntry[];
};

export type ScopeEntry = {
  readonly kind: string;
  readonly run: string;
  readonly body: { readonly [member: string]: Json };
};

type RunRow = {
  id: string;
  job: string;
  started_at: string;
  ended_at: string;
  outcome: RunFacts["outcome"];
  ledger_from: number;
};

/** One ended run. Throws `INTERNAL` when it has not ended: a report of it would not be a report. */
export const runScope = async (snapshot: Snapshot, runId: string): Promise<Scope> => {
  const [row] = await all(
    snapshot,
    sql<RunRow>`select id, job, started_at, ended_at, outcome, ledger_from from lethe.run
      where id = ${runId} and ended_at is not null and outcome is not null`,
  );
  if (row === undefined) {
    throw new LetheError("INTERNAL", `run ${runId} has not ended, so there is nothing to report yet`, {
      hint: "let the run end first",
    });
  }
  return scopeOf(snapshot, [row], undefined);
};

/** All runs that ended on a day from `from` to `to`, both included, in the controller's time zone. */
export const periodScope = async (snapshot: Snapshot, from: string, to: string, timeZone: string): Promise<Scope> => {
  const start = startOfDay(from, timeZone);
  const end = startOfDay(Temporal.PlainDate.from(to).add({ days: 1 }).toString(), timeZone);
  const rows = await all(
    snapshot,
    sql<RunRow>`select id, job, started_at, ended_at, outcome, ledger_from from lethe.run
      where ended_at >= ${start} and ended_at < ${end} and outcome is not null order by ended_at, id`,
  );
  if (rows.length === 0) {
    throw new LetheError("USAGE", `no run ended between ${from} and ${to}`, {
      hint: "look at `lethe report list` for the days on which runs ended",
    });
  }
  return scopeOf(snapshot, rows, { from, to });
};

const startOfDay = (day: string, timeZone: string): string =>
  Temporal.PlainDate.from(day).toZonedDateTime({ timeZone }).toInstant().toString();

const scopeOf = async (snapshot: Snapshot, rows: readonly RunRow[], period: Scope["period"]): Promise<Scope> => {
  const ids = rows.map((row) => row.id);
  const from = Math.min(...rows.map((row) => row.ledger_from));
  const started = rows.map((row) => row.started_at).toSorted()[0] ?? null;
  const entries = await scopeEntries(snapshot, ids, from);
  const [last] = await all(
    snapshot,
    sql<{ through: number | null }>`select max(index) + 1 as through from lethe.ledger_entry
      where index >= ${from} and run_id = any(${ids}::text[])`,
  );
  const [before] = await all(
    snapshot,
    sql<{ since: string | null }>`select max(ended_at) as since from lethe.run where ended_at < ${started}`,
  );
  const runs = rows.map((row): RunFacts => {
    const tool = entries.find((entry) => entry.kind === "run.started" && entry.run === row.id)?.body["tool"];
    const { id, job, started_at, ended_at, outcome } = row;
    return { id, job, started: started_at, ended: ended_at, outcome, tool: typeof tool === "string" ? tool : null };
  });
  return { runs, ids, period, since: before?.since ?? null, from, through: last?.through ?? from, entries };
};

const scopeEntries = async (snapshot: Snapshot, ids: readonly string[], from: number): Promise<ScopeEntry[]> =>
  all(
    snapshot,
    sql<ScopeEntry>`select kind, run_id as run, body::jsonb as body from lethe.ledger_entry
      where index >= ${from} and run_id = any(${ids}::text[])
        and kind in ('run.started', 'backup.exception', 'backup.inventory', 'retention.revised') order by index`,
  );
