import type pg from "pg";
import { Temporal } from "temporal-polyfill";
import { everyStore, type Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { kyselyOn } from "#db/pool.ts";
import { dayIn } from "#lib/clock.ts";
import { snapshotOn, type Snapshot } from "#report/cursor.ts";
import { limitsOf } from "#report/limits.ts";
import { readAnalysed, readAnonymity, readLate } from "#report/read-analytics.ts";
import { readConserved, readConservedTotals } from "#report/read-conserved.ts";
import { readBackupSets, readRepositories } from "#report/read-backups.ts";
import { readDispositions, readResiduals, readRetained, readTotals } from "#report/read-dispositions.ts";
import { readFigures, readRemedies, readRemedyTotals, readTasks } from "#report/read-effects.ts";
import { readOutcomeCounts, readOutcomes, readStayPlaces, readStays } from "#report/read-outcomes.ts";
import { readExceptionLists } from "#report/read-decisions.ts";
import { readEnded, readExpired, readExpiryRest } from "#report/read-expiry.ts";
import { readHolds } from "#report/read-holds.ts";
import { readRestores } from "#report/read-restores.ts";
import { readOverdue, readRegister, readRequests, readStopped, readWarnings } from "#report/read-requests.ts";
import type { PolicyFacts } from "#report/report-document.ts";
import type { RevisionItem } from "#report/retention-document.ts";
import type { ReportHead, ReportRows, ReportSource } from "#report/report-source.ts";
import type { Scope } from "#report/scope.ts";

type Parts = Pick<Context, "config" | "clock" | "keys" | "stores" | "columnStores">;

/**
 * Begins a report: one read-only snapshot of Lethe's own database on the caller's connection, so that all files of a
 * bundle say the same whatever else goes on. The caller ends the transaction.
 */
export const beginSnapshot = async (client: pg.PoolClient): Promise<Snapshot> => {
  await client.query("begin transaction isolation level repeatable read read only");
  return snapshotOn(kyselyOn<StateDb>(client));
};

/** Reads what does not grow, and hands out the rest as iterables that last as long as the snapshot. */
export const collect = async (
  ctx: Parts,
  snapshot: Snapshot,
  scope: Scope,
  ledger: ReportHead["ledger"],
): Promise<ReportSource> => {
  const head = await readHead(ctx, snapshot, scope, ledger);
  return { head, rows: rowsOf(snapshot, scope, head.today, ctx.config) };
};

const readHead = async (
  ctx: Parts,
  snapshot: Snapshot,
  scope: Scope,
  ledger: ReportHead["ledger"],
): Promise<ReportHead> => {
  const now = ctx.clock.now();
  const readAt = now.round({ smallestUnit: "millisecond", roundingMode: "floor" }).toString();
  const { name, country, dpo, timeZone } = ctx.config.controller;
  const today = dayIn(Temporal.Instant.from(readAt), timeZone).toString();
  const backups = await readRepositories(snapshot, scope, ctx.config.backups);
  const [run] = scope.runs;
  const stays = { places: await readStayPlaces(snapshot, scope) };
  const figures = await readFigures(snapshot, scope);
  const tasks = await readTasks(snapshot);
  const restores = await readRestores(snapshot, scope);
  return {
    readAt,
    today,
    controller: { name, country, dpo, timeZone },
    ...(scope.period === undefined ? { run } : { period: scope.period, runs: [...scope.runs] }),
    policies: policiesOf(ctx, scope),
    requests: await readRegister(snapshot, scope, today),
    totals: { ...(await readTotals(snapshot, scope)), ...(await readConservedTotals(snapshot, scope)) },
    outcomes: await readOutcomeCounts(snapshot, scope),
    stays,
    remedied: { totals: await readRemedyTotals(snapshot, scope) },
    figures,
    tasks,
    backups,
    restores,
    revisions: revisionsOf(scope),
    expiry: {
      expired: await readExpired(snapshot, scope),
      rest: await readExpiryRest(snapshot, scope),
      ended: await readEnded(snapshot, scope),
    },
    holds: await readHolds(snapshot, scope, timeZone),
    ledger,
    signature: { algorithm: "Ed25519", keyId: ctx.keys.signingId },
    limits: limitsOf(
      readAt,
      ctx.config,
      { backups, restores, stays, figures, tasks },
      await readAnalysed(snapshot, scope),
    ),
    exceptionLists: await readExceptionLists(snapshot, scope),
  };
};

/** The digests that the runs recorded when they started; the names only where the policy is still the same (A9). */
const policiesOf = (ctx: Parts, scope: Scope): PolicyFacts[] => {
  const facts = new Map<string, PolicyFacts>();
  for (const { kind, body } of scope.entries) {
    if (kind !== "run.started" || typeof body["policies"] !== "object" || body["policies"] === null) continue;
    for (const [store, digest] of Object.entries(body["policies"])) {
      if (typeof digest !== "string") continue;
      const now = everyStore(ctx).find((candidate) => candidate.name === store)?.policy;
      const known = now?.digest === digest ? now : undefined;
      facts.set(`${store} ${digest}`, { store, name: known?.name ?? null, version: known?.version ?? null, digest });
    }
  }
  return [...facts.values()];
};

/** As the ledger tells them: by now the records follow the latest. */
const revisionsOf = ({ entries }: Scope): RevisionItem[] =>
  entries.flatMap(({ kind, body }) => {
    if (kind !== "retention.revised") return [];
    const { store, table, was, is, requests } = body as RevisionItem & typeof body;
    return [{ store, table, was, is, requests }];
  });

const rowsOf = (
  snapshot: Snapshot,
  scope: Scope,
  today: string,
  { warnDays, backups }: Parts["config"],
): ReportRows => ({
  requests: () => readRequests(snapshot, scope, today, backups),
  overdue: () => readOverdue(snapshot, today),
  warnings: () => readWarnings(snapshot, today, warnDays),
  failures: () => readStopped(snapshot, ["failed"], today),
  blocks: () => readStopped(snapshot, ["blocked", "held"], today),
  dispositions: () => readDispositions(snapshot, scope),
  retained: () => readRetained(snapshot, scope),
  outcomes: () => readOutcomes(snapshot, scope),
  stays: () => readStays(snapshot, scope),
  remedied: () => readRemedies(snapshot, scope),
  conserved: () => readConserved(snapshot, scope),
  late: () => readLate(snapshot, scope),
  anonymity: () => readAnonymity(snapshot, scope),
  residuals: () => readResiduals(snapshot, scope),
  backupSets: () => readBackupSets(snapshot, scope),
});
