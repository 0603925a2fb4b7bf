import { stat } from "node:fs/promises";
import type { Writable } from "node:stream";
import type pg from "pg";
import type { Context } from "#context.ts";
import { withClient } from "#db/pool.ts";
import { hashFile } from "#evidence/hash-file.ts";
import type { RequestCounts } from "#records/request.ts";
import { beginSnapshot } from "#report/collect.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import { collectRegister, type RegisterParts } from "#register/collect-register.ts";
import { assertReconciled } from "#register/reconcile.ts";
import type { LedgerFacts, Period, ReconciliationRow } from "#register/register-source.ts";
import { assertAbsent, writeWhole } from "#register/whole-file.ts";
import { registerReport } from "#reports/register.ts";

export type ExportedRegister = {
  readonly readAt: string;
  readonly period: Period;
  readonly requests: RequestCounts;
  /** As the database counts it, as rows were written, as the ledger has it; all of them equal. */
  readonly reconciliation: readonly ReconciliationRow[];
  /** Rows below the headers of each sheet. */
  readonly rows: Readonly<Record<string, number>>;
  readonly ledger: LedgerFacts;
};

/** What was written: read back from the disk. */
export type WrittenRegister = ExportedRegister & { readonly bytes: number; readonly sha256: string };

/**
 * Writes the register for the data protection officer (Art. 5(2), 30 GDPR): every request of the period with its clocks, decisions, holds
 * and what became of the records, out of one snapshot, to a workbook that is there whole or not at all. It names nobody it is about (I8).
 *
 * @throws LetheError `REGISTER_UNRECONCILED` when what was written is not what is on record (I9); `FILE_EXISTS`, `REPORT_UNWRITABLE`,
 * `RUN_STOPPED`. No workbook is left by any of them.
 */
export const exportRegister = async (
  ctx: RegisterParts & Pick<Context, "random" | "state">,
  period: Period,
  file: string,
): Promise<WrittenRegister> => {
  await assertAbsent(file);
  ctx.progress.stage("Register");
  const exported = await withClient(ctx.state.pool, (client) =>
    writeWhole(file, ctx.random, (output) => writeRegister(ctx, client, period, output)),
  );
  ctx.progress.end(`${exported.requests.received} requests, reconciled`);
  return { ...exported, bytes: (await stat(file)).size, sha256: await hashFile(file) };
};

/**
 * Every query of the register reads whole tables to their end, which a planner does not expect of a cursor; and where it has not looked at a
 * table since the night filled it, it would go through another once for each of its rows.
 */
const readWhole = async (client: pg.PoolClient): Promise<void> => {
  await client.query("set local cursor_tuple_fraction = 1");
  await client.query("set local enable_nestloop = off");
};

const writeRegister = async (
  ctx: RegisterParts,
  client: pg.PoolClient,
  period: Period,
  output: Writable,
): Promise<ExportedRegister> => {
  const snapshot = await beginSnapshot(client);
  await readWhole(client);
  const source = await collectRegister(ctx, snapshot, period);
  const rows = await renderWorkbook(source, registerReport, output);
  await client.query("commit");
  const reconciliation = [...source.rows.reconciliation()];
  // Before the file gets its name: what does not reconcile is nobody's register.
  assertReconciled(reconciliation, { Requests: rows["Requests"], Clocks: rows["Clocks"] });
  const { readAt, counts, ledger } = source.head;
  return { readAt, period, requests: counts, reconciliation, rows, ledger };
};
