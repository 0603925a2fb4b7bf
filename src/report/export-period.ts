import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import { kyselyOn, withClient } from "#db/pool.ts";
import { frontierAt } from "#ledger/read-entries.ts";
import { LetheError } from "#lib/errors.ts";
import { assureCheckpoint, makeBundle, type BundleParts } from "#report/bundle.ts";
import { all, snapshotOn } from "#report/cursor.ts";
import { inTurn } from "#report/publish.ts";
import { periodScope } from "#report/scope.ts";
import { tellConserved } from "#report/tell-conserved.ts";
import { askedFor } from "#report/whole-directory.ts";
import { periodReport } from "#reports/period-report.ts";

/** Days in the controller's time zone, both included, ISO. */
export type Period = { readonly from: string; readonly to: string };

/**
 * The auditor's bundle: what all runs that ended in a period did, signed, with every ledger entry since the checkpoint
 * before the first of them.
 *
 * @throws LetheError `USAGE` for days that are none or a period without runs, `FILE_EXISTS` when `directory` holds
 * something, `REPORT_UNWRITABLE`.
 */
export const exportPeriod = async (ctx: BundleParts, period: Period, directory: string): Promise<{ runs: number }> => {
  const { from, to } = daysOf(period);
  const { timeZone } = ctx.config.controller;
  const place = await askedFor(directory);
  const { runs, ids } = await periodScope(snapshotOn(ctx.state.db), from, to, timeZone);
  const last = ids.at(-1);
  if (last !== undefined) await assureCheckpoint(ctx, last);
  await withClient(ctx.state.pool, (client) =>
    inTurn(client, async () => {
      await tellConserved(kyselyOn(client));
      await makeBundle(ctx, client, {
        ...place,
        definition: periodReport,
        scope: (snapshot) => periodScope(snapshot, from, to, timeZone),
        from: async (snapshot, scope) => {
          const [before] = await all(
            snapshot,
            sql<{ size: number | null }>`select max(size) as size from lethe.checkpoint where size <= ${scope.from}`,
          );
          const anchor = await frontierAt(snapshot.db, before?.size ?? 0);
          if (anchor === undefined) throw new LetheError("INTERNAL", "a checkpoint disappeared", { hint: "try again" });
          return anchor;
        },
      });
    }),
  );
  return { runs: runs.length };
};

const daysOf = ({ from, to }: Period): Period => {
  const [first, last] = [from, to].map((day) => {
    try {
      return Temporal.PlainDate.from(day, { overflow: "reject" });
    } catch {
      return undefined;
    }
  });
  if (first === undefined || last === undefined || Temporal.PlainDate.compare(first, last) > 0) {
    throw new LetheError("USAGE", "the period is not two days in order", {
      hint: "give --from and --to as YYYY-MM-DD, the earlier day first",
    });
  }
  return { from: first.toString(), to: last.toString() };
};
