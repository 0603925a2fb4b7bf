import { LetheError } from "#lib/errors.ts";
import { figure } from "#lib/figure.ts";
import type { RequestCounts, RequestOutcome } from "#records/request.ts";
import type { ReconciliationRow, RegisterHead } from "#register/register-source.ts";

const outcomes = ["done", "refused", "withdrawn", "pending", "failed"] as const satisfies readonly RequestOutcome[];

/** A11 spelled out: `48 received = 12 done + 4 refused + …`. */
export const equationText = (counts: RequestCounts): string =>
  `${figure(counts.received)} received = ${outcomes.map((outcome) => `${figure(counts[outcome])} ${outcome}`).join(" + ")}`;

/** How many rows of requests were handed to the workbook so far, by what they count as. */
export type Tally = Record<RequestOutcome, number>;

export const emptyTally = (): Tally => ({ done: 0, refused: 0, withdrawn: 0, pending: 0, failed: 0 });

/** A11, I9: each member of received = done + refused + withdrawn + pending + failed, counted and written. */
export const reconciliationOf = (
  { counts, entered }: Pick<RegisterHead, "counts" | "entered">,
  tally: Readonly<Tally>,
): readonly ReconciliationRow[] => {
  const written = outcomes.reduce((sum, outcome) => sum + tally[outcome], 0);
  const equal = counts.received === written && counts.received === entered;
  return [
    { what: "received", counted: counts.received, written, entered, equal },
    ...outcomes.map((what) => ({
      what,
      counted: counts[what],
      written: tally[what],
      entered: null,
      equal: counts[what] === tally[what],
    })),
  ];
};

/** The rows below the headers of the sheets that have one for each request, as they were written. */
export type SheetRows = Readonly<Record<string, number | undefined>>;

/**
 * Refuses a workbook whose rows are not the requests on record: who answers to a regulator with it must not find out later. Nothing that
 * is wrong here is wrong with one request, so that there is nothing to leave out. Throws `REGISTER_UNRECONCILED`.
 */
export const assertReconciled = (rows: readonly ReconciliationRow[], sheets: SheetRows): void => {
  for (const { what, counted, written, entered, equal } of rows) {
    if (equal) continue;
    const inLedger = entered === null ? "" : ` and ${entered} in the ledger`;
    throw unreconciled(`${what}: ${counted} on record, ${written} written${inLedger}`);
  }
  const [received, ...parts] = rows.map(({ written }) => written);
  const sum = parts.reduce((total, part) => total + part, 0);
  if (received !== sum) throw unreconciled(`${received} received, and ${sum} in all of what became of them`);
  for (const [sheet, written] of Object.entries(sheets)) {
    if (written !== received) throw unreconciled(`${received} received, and ${written} rows of ${sheet}`);
  }
};

export const unreconciled = (what: string): LetheError =>
  new LetheError("REGISTER_UNRECONCILED", `the register does not reconcile: ${what}`, {
    hint: "no workbook was written; compare Lethe's own database with its last backup and with the last signed report",
  });
