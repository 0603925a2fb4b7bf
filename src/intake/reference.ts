import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { LetheError } from "#lib/errors.ts";
import type { RegimeName } from "#records/controller.ts";
import type { Ground, RequestState } from "#records/request.ts";

export type LockedRequest = {
  readonly id: number;
  readonly ref: string;
  readonly state: RequestState;
  readonly heldFrom: RequestState | null;
  readonly ground: Ground | null;
  readonly purpose: string;
  /** It repeats an erasure that a restore undid. */
  readonly repeats: boolean;
  readonly regime: RegimeName;
  /** ISO date. */
  readonly received: string;
  /** Its time was extended, with a notice in the first period. */
  readonly extended: boolean;
};

/** A reference as a person may have typed it: any case, with O for 0 and I or L for 1 (Crockford's base 32). */
export const parseReference = (text: string): string => {
  const code = text.trim().toUpperCase().replace(/^R-/, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  if (!/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/.test(code)) {
    // Not quoted: people paste e-mail addresses here.
    throw new LetheError("REQUEST_UNKNOWN", "that is no reference of a request", { hint });
  }
  return `R-${code}`;
};

/** The requests of these references, locked until the transaction ends. Throws `REQUEST_UNKNOWN` for the first that is missing. */
export const lockRequests = async (db: Kysely<StateDb>, refs: readonly string[]): Promise<LockedRequest[]> => {
  const { rows } = await sql<LockedRequest>`
    select id, ref, state, held_from as "heldFrom", ground, purpose, restore_id is not null as repeats, regime,
      received_on as received, extended is not null as extended
    from lethe.request
    where ref = any(${refs}::text[]) order by id for update`.execute(db);
  const found = new Set(rows.map(({ ref }) => ref));
  const missing = refs.find((ref) => !found.has(ref));
  if (missing !== undefined) throw unknownRequest(missing);
  return rows;
};

export const unknownRequest = (ref: string): LetheError =>
  new LetheError("REQUEST_UNKNOWN", `there is no request ${ref}`, { hint });

const hint = "see `lethe request list`; references look like R-7K3M-2QXA-9DTB";
