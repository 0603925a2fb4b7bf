import { everyStore, type Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import type { Snapshot } from "#report/cursor.ts";
import { periodText } from "#register/period.ts";
import { readDecisions, readHolds, readMatters, readNames } from "#register/read-decisions.ts";
import { readHead } from "#register/read-head.ts";
import { readCopies, readDispositions, readStays, readTasks } from "#register/read-records.ts";
import { readClocks, readOverdue, readRequests } from "#register/read-requests.ts";
import { emptyTally, reconciliationOf, type Tally } from "#register/reconcile.ts";
import type { Fact, Period, RegisterHead, RegisterSource, RequestRow } from "#register/register-source.ts";
import { rulesOf } from "#register/rules.ts";

export type RegisterParts = Pick<
  Context,
  "config" | "clock" | "keys" | "stores" | "columnStores" | "progress" | "signal"
>;

const rowsBetweenLooks = 256;

/**
 * Reads what does not grow, and hands out the rest as iterables that last as long as the snapshot, whose transaction the caller ends. No
 * column that holds an identifier of a data subject is read (I8).
 *
 * @throws LetheError `REGISTER_UNRECONCILED` when a request of the ledger is missing. The iterables throw `RUN_STOPPED` when somebody stops it.
 */
export const collectRegister = async (
  parts: RegisterParts,
  snapshot: Snapshot,
  period: Period,
): Promise<RegisterSource> => {
  const now = parts.clock.now().round({ smallestUnit: "millisecond", roundingMode: "floor" });
  const ctx = { ...parts, clock: { now: () => now } };
  const reading = { ctx, snapshot, period };
  const head = await readHead(reading);
  const nameOf = await readNames(ctx, snapshot);
  const tally = emptyTally();
  const told =
    <Row>(name: string, read: () => AsyncIterable<Row>) =>
    (): AsyncIterable<Row> =>
      telling(parts, name, read());
  return {
    head,
    rows: {
      requests: told("requests", () => counted(readRequests(reading), tally)),
      clocks: told("clocks", () => readClocks(reading)),
      overdue: told("overdue requests", () => readOverdue(reading)),
      decisions: told("decisions", () => readDecisions(reading, nameOf)),
      holds: told("holds", () => readHolds(reading, nameOf)),
      matters: told("matters", () => readMatters(reading)),
      dispositions: told("dispositions", () => readDispositions(reading)),
      stays: told("columns that stay", () => readStays(reading)),
      tasks: told("tasks of recipients", () => readTasks(reading)),
      copies: told("copies", () => readCopies(reading)),
      rules: () => rulesOf(everyStore(ctx)),
      policies: () => head.policies,
      reconciliation: () => reconciliationOf(head, tally),
      facts: () => factsOf(head),
    },
  };
};

async function* counted(rows: AsyncIterable<RequestRow>, tally: Tally): AsyncGenerator<RequestRow> {
  for await (const row of rows) {
    tally[row.outcome] += 1;
    yield row;
  }
}

/** Says how far it is, and stops when it is told to. */
async function* telling<Row>(
  { progress, signal }: Pick<RegisterParts, "progress" | "signal">,
  name: string,
  rows: AsyncIterable<Row>,
): AsyncGenerator<Row> {
  let done = 0;
  for await (const row of rows) {
    if (done > 0 && done % rowsBetweenLooks === 0) progress.advance(done, undefined, name);
    done += 1;
    if (signal.aborted) {
      throw new LetheError("RUN_STOPPED", "the export was stopped", {
        hint: "no workbook was written; export it again",
      });
    }
    yield row;
  }
}

/** What the register rests on, in words: who, when, over what, and the head of the ledger that a signed bundle can be held against. */
const factsOf = ({ controller, readAt, today, tool, period, ledger }: RegisterHead): Fact[] => [
  { name: "Controller", value: `${controller.name} (${controller.country})` },
  { name: "Data protection officer", value: controller.dpo },
  { name: "Day of the export", value: `${today} (${controller.timeZone})` },
  { name: "Read back at", value: `${readAt}, in one snapshot of Lethe's own database` },
  { name: "Of", value: periodText(period) },
  { name: "Program", value: tool },
  { name: "Ledger entries", value: String(ledger.size) },
  { name: "Ledger root (SHA-256, RFC 6962)", value: ledger.root },
  ...(ledger.checkpoint === null
    ? [{ name: "Signed checkpoint", value: "none: no run has ended yet" }]
    : [
        { name: "Signed checkpoint", value: `${ledger.checkpoint.size} entries, signed ${ledger.checkpoint.signedAt}` },
        { name: "Its root", value: ledger.checkpoint.root },
        { name: "To check", value: "the bundle that was signed with it: lethe verify <bundle> --key <public key>.pem" },
      ]),
];
