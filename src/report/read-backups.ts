import { sql } from "kysely";
import type { BackupConfig } from "#config.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { BackupSetItem, RepositoryItem } from "#report/report-document.ts";
import { calendarDays } from "#report/backup-calendar.ts";
import type { Scope } from "#report/scope.ts";

type InventoryEntry = Extract<LedgerEvent, { readonly kind: "backup.inventory" }>;
type DrillItem = NonNullable<RepositoryItem["drill"]>;
type KeptRow = { repository: string; kept: number; bytes: number; oldest: string | null; newest: string | null };

/**
 * Every set that is still there, and those that these runs found or made gone. Each night reads one set of a repository to its end, so that by and by
 * all of them were: the ledger tells of which, the entries of as many nights back as the calendar shows days.
 */
export async function* readBackupSets(
  snapshot: Snapshot,
  { ids, runs, through }: Scope,
): AsyncGenerator<BackupSetItem> {
  const ended = runs.at(-1)?.ended ?? null;
  yield* stream(
    snapshot,
    sql<BackupSetItem>`
      with verified as (
        select body ->> 'repository' as repository, body #>> '{verified,name}' as name, body #>> '{verified,sha256}' as sha256,
          max(body ->> 'at')::timestamptz as at
        from (select body::jsonb as body from lethe.ledger_entry where kind = 'backup.inventory' and index < ${through}
          and index >= (select min(ledger_from) from lethe.run
            where ended_at >= ${ended}::timestamptz - ${calendarDays} * interval '1 day')) as entry
        group by 1, 2, 3)
      select repository, name, sha256, bytes, taken_at as taken, state, purged_at as "purgedAt", verified.at as "verifiedAt"
      from lethe.backup_set left join verified using (repository, name, sha256)
      where state in ('listed', 'condemned') or run_id = any(${ids}::text[])
      order by repository, taken_at desc, name, sha256`,
  );
}

/** Per repository what is kept, what went, and why something that should have gone is still there. */
export const readRepositories = async (
  snapshot: Snapshot,
  scope: Scope,
  configured: readonly BackupConfig[],
): Promise<RepositoryItem[]> => {
  const kept = await all(
    snapshot,
    sql<KeptRow>`select repository, count(*) as kept, sum(bytes)::bigint as bytes, min(taken_at) as oldest, max(taken_at) as newest
      from lethe.backup_set where state in ('listed', 'condemned') group by repository`,
  );
  const logs = await all(
    snapshot,
    sql<LogRow>`select repository, min(since) as since, max(until) as until from lethe.backup_log group by repository`,
  );
  const drills = await all(
    snapshot,
    sql<
      DrillItem & { readonly repository: string }
    >`select distinct on (repository) repository, drilled_at as at, name, outcome, code,
        restored_s as restored, replayed_s as replayed, repeated, waiting
      from lethe.drill where drilled_at <= ${scope.runs.at(-1)?.ended ?? null}::timestamptz order by repository, id desc`,
  );
  const gone: BackupSetItem[] = [];
  for await (const set of readBackupSets(snapshot, scope)) {
    if (set.state === "purged" || set.state === "vanished") gone.push(set);
  }
  const names = new Set([...configured, ...kept.map((row) => ({ name: row.repository }))].map(({ name }) => name));
  for (const set of gone) names.add(set.repository);
  return [...names].toSorted().map((repository) => {
    const config = configured.find(({ name }) => name === repository);
    const row = kept.find((candidate) => candidate.repository === repository);
    const went = (state: BackupSetItem["state"]): RepositoryItem["purged"] =>
      gone
        .filter((set) => set.repository === repository && set.state === state)
        .map(({ name, sha256, bytes, taken, purgedAt }) => ({ name, sha256, bytes, taken, purgedAt }));
    return {
      repository,
      store: config?.store ?? null,
      keepDays: config?.keepDays ?? null,
      kept: row?.kept ?? 0,
      bytes: row?.bytes ?? 0,
      oldest: row?.oldest ?? null,
      newest: row?.newest ?? null,
      log: logOf(logs, repository),
      verified: verifiedOf(scope, repository),
      drill: drillOf(drills, repository),
      purged: went("purged"),
      vanished: went("vanished"),
      exceptions: exceptionsOf(scope, repository),
    };
  });
};

type LogRow = { readonly repository: string; readonly since: string; readonly until: string };

const logOf = (logs: readonly LogRow[], name: string): RepositoryItem["log"] => {
  const found = logs.find(({ repository }) => repository === name);
  return found === undefined ? null : { since: found.since, until: found.until };
};

const drillOf = (
  drills: readonly (DrillItem & { readonly repository: string })[],
  repository: string,
): RepositoryItem["drill"] => {
  const found = drills.find((each) => each.repository === repository);
  if (found === undefined) return null;
  const { repository: _, ...drill } = found;
  return drill;
};

const verifiedOf = ({ entries }: Scope, repository: string): RepositoryItem["verified"] => {
  const last = entries.findLast(({ kind, body }) => kind === "backup.inventory" && body["repository"] === repository);
  if (last === undefined) return null;
  // Entries of nights before it was recorded say nothing of it.
  const { verified = null, at } = last.body as Partial<Pick<InventoryEntry, "verified">> & { readonly at: string };
  return verified === null ? null : { ...verified, at };
};

/**
 * Each night tells again of what is still wrong: those of the last that looked into the repository hold. Only that a set has vanished is told
 * once, by the night that missed it.
 */
const exceptionsOf = ({ entries }: Scope, repository: string): RepositoryItem["exceptions"] => {
  const told = entries.filter(
    ({ kind, body }) =>
      (kind === "backup.exception" || kind === "backup.inventory") && body["repository"] === repository,
  );
  const last = told.at(-1)?.run;
  const exceptions = told
    .filter(
      ({ kind, run, body }) => kind === "backup.exception" && (run === last || body["code"] === "BACKUP_VANISHED"),
    )
    .map(({ body }) => ({
      name: typeof body["name"] === "string" ? body["name"] : "*",
      code: typeof body["code"] === "string" ? body["code"] : "UNKNOWN",
      breach: typeof body["breach"] === "string" ? body["breach"] : null,
    }));
  return [
    ...new Map(exceptions.map((exception) => [JSON.stringify([exception.name, exception.code]), exception])).values(),
  ];
};
