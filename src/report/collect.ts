import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { dayIn } from "#lib/clock.ts";
import { all, snapshotOn, type Snapshot } from "#report/cursor.ts";
import { limitsOf } from "#report/limits.ts";
import { readAnonymity, readConserved } from "#report/read-analytics.ts";
import { readBackupSets, readRepositories } from "#report/read-backups.ts";
import { readDispositions, readResiduals, readRetained, readTotals } from "#report/read-dispositions.ts";
import { readOverdue, readRegister, readRequests, readStopped } from "#report/read-requests.ts";
import type { PolicyFacts } from "#report/report-document.ts";
import type { ReportHead, ReportRows, ReportSource } from "#report/report-source.ts";
import type { Scope } from "#report/scope.ts";

type Parts = Pick<Context, "config" | "clock" | "state" | "stores">;

/**
 * Opens a report: one read-only snapshot of Lethe's own database, so that all its files say the same whatever else
 * goes on. `work` gets the source; its iterables end with it.
 */
export const withReport = <T>(
  ctx: Parts,
  scopeOf: (snapshot: Snapshot) => Promise<Scope>,
  work: (source: ReportSource) => Promise<T>,
): Promise<T> =>
  withClient(ctx.state.pool, async (client) => {
    await client.query("begin transaction isolation level repeatable read read only");
    const snapshot = snapshotOn(kyselyOn<StateDb>(client));
    const scope = await scopeOf(snapshot);
    const head = await readHead(ctx, snapshot, scope);
    const result = await work({ head, rows: rowsOf(snapshot, scope, head.today) });
    await client.query("commit");
    return result;
  });

const readHead = async (ctx: Parts, snapshot: Snapshot, scope: Scope): Promise<ReportHead> => {
  // The snapshot is taken by the first query, and only after that does the clock tell when.
  await all(snapshot, sql`select 1`);
  const now = ctx.clock.now();
  const readAt = now.round({ smallestUnit: "millisecond", roundingMode: "floor" }).toString();
  const { name, country, dpo, timeZone } = ctx.config.controller;
  const today = dayIn(Temporal.Instant.from(readAt), timeZone).toString();
  const backups = await readRepositories(snapshot, scope, ctx.config.backups);
  const [run] = scope.runs;
  return {
    readAt,
    today,
    controller: { name, country, dpo, timeZone },
    ...(scope.period === undefined ? { run } : { period: scope.period, runs: [...scope.runs] }),
    policies: policiesOf(ctx, scope),
    requests: await readRegister(snapshot, scope, today),
    totals: await readTotals(snapshot, scope),
    backups,
    ledger: scope.ledger,
    limits: limitsOf(readAt, ctx.config.stores, backups),
  };
};

/** The digests that the runs recorded when they started; the names only where the policy is still the same (A9). */
const policiesOf = (ctx: Parts, scope: Scope): PolicyFacts[] => {
  const facts = new Map<string, PolicyFacts>();
  for (const { kind, body } of scope.entries) {
    if (kind !== "run.started" || typeof body["policies"] !== "object" || body["policies"] === null) continue;
    for (const [store, digest] of Object.entries(body["policies"])) {
      if (typeof digest !== "string") continue;
      const now = ctx.stores.find((candidate) => candidate.name === store)?.policy;
      const known = now?.digest === digest ? now : undefined;
      facts.set(`${store} ${digest}`, { store, name: known?.name ?? null, version: known?.version ?? null, digest });
    }
  }
  return [...facts.values()];
};

const rowsOf = (snapshot: Snapshot, scope: Scope, today: string): ReportRows => ({
  requests: () => readRequests(snapshot, scope, today),
  overdue: () => readOverdue(snapshot, today),
  failures: () => readStopped(snapshot, ["failed"], today),
  blocks: () => readStopped(snapshot, ["blocked", "held"], today),
  dispositions: () => readDispositions(snapshot, scope),
  retained: () => readRetained(snapshot, scope),
  conserved: () => readConserved(snapshot, scope),
  anonymity: () => readAnonymity(snapshot, scope),
  residuals: () => readResiduals(snapshot, scope),
  backupSets: () => readBackupSets(snapshot, scope),
});
