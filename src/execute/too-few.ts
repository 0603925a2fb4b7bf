import { BatchError } from "#execute/failure.ts";
import type { RequestDetail } from "#records/request.ts";

/** The request has rows in classes that are too small or too much alike, or that only one person fits. */
export type TooFew = {
  readonly request: number;
  readonly code: "ANONYMITY_BELOW" | "ATTACK_MATCHED";
  readonly table: string;
  /** The same for those who look alike: a hash that is good for nothing but to put them side by side. */
  readonly class: number;
  readonly detail: RequestDetail;
};

/** Thrown to undo the batch; its other requests may go without those. */
export class GateError extends BatchError {
  readonly tooFew: readonly TooFew[];

  constructor(table: string, code: TooFew["code"], tooFew: readonly TooFew[]) {
    super(code, `people would be recognised in rows of ${table}`, waits, { table });
    this.tooFew = tooFew;
  }
}

/** What somebody who stays below the gate has to know. */
export const waits =
  "it waits until enough others go with it, every night; make what is measured coarser if that takes too long";

/** To four digits, and not to less than what failed. */
export const rounded = (t: number): number => Math.ceil(t * 1e4) / 1e4;
