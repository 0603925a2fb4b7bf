import { sql } from "kysely";
import type { BackupConfig } from "#config.ts";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { BackupSetItem, RepositoryItem } from "#report/report-document.ts";
import type { Scope } from "#report/scope.ts";

type KeptRow = { repository: string; kept: number; bytes: number; oldest: string | null; newest: string | null };

/** Every set that is still there, and those that these runs found or made gone. */
export async function* readBackupSets(snapshot: Snapshot, { ids }: Scope): AsyncGenerator<BackupSetItem> {
  yield* stream(
    snapshot,
    sql<BackupSetItem>`
      select repository, name, sha256, bytes, taken_at as taken, state, purged_at as "purgedAt" from lethe.backup_set
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
      purged: went("purged"),
      vanished: went("vanished"),
      exceptions: exceptionsOf(scope, repository),
    };
  });
};

const exceptionsOf = (scope: Scope, repository: string): RepositoryItem["exceptions"] =>
  scope.entries
    .filter((entry) => entry.kind === "backup.exception" && entry.body["repository"] === repository)
    .map(({ body }) => ({
      name: typeof body["name"] === "string" ? body["name"] : "*",
      code: typeof body["code"] === "string" ? body["code"] : "UNKNOWN",
      breach: typeof body["breach"] === "string" ? body["breach"] : null,
    }));
