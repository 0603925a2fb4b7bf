import type pg from "pg";
import { sql } from "kysely";
import type { Context } from "#context.ts";
import { signBundle } from "#evidence/sign-bundle.ts";
import { reportType } from "#evidence/statement.ts";
import { writeEntries } from "#evidence/write-entries.ts";
import { originOf } from "#ledger/checkpoint.ts";
import { readEntries, type Anchor } from "#ledger/read-entries.ts";
import { signCheckpoint } from "#ledger/sign-checkpoint.ts";
import { writeCheckpoint, type SignedCheckpoint } from "#ledger/write-checkpoint.ts";
import { faultPoint } from "#lib/fault.ts";
import { LetheError } from "#lib/errors.ts";
import { toolVersion } from "#lib/version.ts";
import { beginSnapshot, collect } from "#report/collect.ts";
import { all, type Snapshot } from "#report/cursor.ts";
import { writeReportFiles } from "#report/report-files.ts";
import type { Scope } from "#report/scope.ts";
import { makeWhole, type WholeDirectory } from "#report/whole-directory.ts";
import type { ReportDefinition } from "#report/workbook-definition.ts";

export type BundleParts = Pick<Context, "config" | "clock" | "keys" | "state" | "stores" | "columnStores">;

export type BundleWish = WholeDirectory & {
  readonly definition: ReportDefinition;
  readonly scope: (snapshot: Snapshot) => Promise<Scope>;
  readonly from: (snapshot: Snapshot, scope: Scope, size: number) => Promise<Anchor>;
};

/**
 * Makes a signed bundle on one connection of Lethe's own database.
 *
 * @throws LetheError `REPORT_UNWRITABLE` when the file system refuses; `LEDGER_CORRUPT` when the entries do not lead to
 * the ledger's head.
 */
export const makeBundle = (ctx: BundleParts, client: pg.PoolClient, wish: BundleWish): Promise<void> =>
  makeWhole(wish, () => writeFiles(ctx, client, wish));

const writeFiles = async (ctx: BundleParts, client: pg.PoolClient, wish: BundleWish): Promise<void> => {
  const snapshot = await beginSnapshot(client);
  const scope = await wish.scope(snapshot);
  const checkpoint = await checkpointOf(ctx, snapshot, scope);
  const from = await wish.from(snapshot, scope, checkpoint.size);
  const entries = readEntries(snapshot.db, from.size, checkpoint.size);
  await writeEntries(wish.partial, { checkpoint, from, entries });
  const ledger = { from: scope.from, size: checkpoint.size, root: checkpoint.root.toString("hex") };
  const source = await collect(ctx, snapshot, scope, ledger);
  await writeReportFiles(wish.partial, source, wish.definition);
  await client.query("commit");
  faultPoint("after-report-files");
  const { head } = source;
  await signBundle(wish.partial, {
    signing: ctx.keys.signing,
    keyId: ctx.keys.signingId,
    createdAt: ctx.clock.now(),
    claim: {
      predicateType: reportType,
      predicate: {
        run: head.run?.id ?? null,
        period: head.period ?? null,
        controller: head.controller.name,
        policies: [...new Set(head.policies.map(({ digest }) => digest))],
        checkpoint: { size: ledger.size, root: ledger.root },
        tool: `lethe ${toolVersion()}`,
      },
    },
  });
};

/** The first checkpoint after the last of the runs, under today's key and name: the same bytes unless those changed. */
const checkpointOf = async (ctx: BundleParts, snapshot: Snapshot, { through }: Scope): Promise<SignedCheckpoint> => {
  const [stored] = await all(
    snapshot,
    sql<{ size: number; root: Buffer }>`select size, root from lethe.checkpoint
      where size >= ${through} order by size limit 1`,
  );
  if (stored === undefined) {
    throw new LetheError("INTERNAL", "the ledger has no checkpoint after the run", {
      hint: "run `lethe run report` again",
    });
  }
  const checkpoint = { origin: originOf(ctx.config.controller.name), size: stored.size, root: stored.root };
  return { ...checkpoint, note: signCheckpoint(checkpoint, ctx.keys.signing) };
};

/**
 * A run that died between its last entry and its checkpoint gets one now. Not for use inside a snapshot, which would not
 * see it.
 */
export const assureCheckpoint = async (ctx: BundleParts, runId: string): Promise<void> => {
  const { rows } = await sql`
    select from lethe.run where id = ${runId} and exists (
      select from lethe.checkpoint where size >= coalesce(
        (select max(index) + 1 from lethe.ledger_entry where run_id = run.id and index >= run.ledger_from), run.ledger_from))
  `.execute(ctx.state.db);
  if (rows.length === 0) await writeCheckpoint(ctx, runId);
};
