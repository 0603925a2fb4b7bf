import { sql } from "kysely";
import type { Context } from "#context.ts";
import { backupsHolding, type Holding } from "#db/holding-backups.ts";
import { factsOf, type CertificateFacts } from "#evidence/certificate-facts.ts";
import { certifiedKinds, parseCertified } from "#evidence/certified-entries.ts";
import { proveEntries, type ProvenEntry } from "#ledger/prove-entries.ts";
import type { SignedCheckpoint } from "#ledger/write-checkpoint.ts";
import { LetheError } from "#lib/errors.ts";
import type { Snapshot } from "#report/cursor.ts";

export type Certified = {
  readonly facts: CertificateFacts;
  /** In the order of the ledger. */
  readonly entries: readonly ProvenEntry[];
  /** Of the stores that the person was in. */
  readonly repositories: readonly { readonly repository: string; readonly store: string }[];
  /** What may still hold the person. */
  readonly left: readonly Holding[];
};

/**
 * Reads what a certificate tells, in one snapshot: the request's entries under a checkpoint, with what they rest on. Undefined when the ledger has
 * gone on meanwhile about the request, backups, or restores: then a newer checkpoint is wanted.
 *
 * @throws LetheError `REQUEST_STATE` for a request that is not done; `STORE_RESTORED` for one whose person may be back; `LEDGER_CORRUPT`.
 */
export const readCertified = async (
  { config }: Pick<Context, "config">,
  { db }: Snapshot,
  ref: string,
  checkpoint: SignedCheckpoint,
): Promise<Certified | undefined> => {
  const newer = await sql`select from lethe.ledger_entry where index >= ${checkpoint.size}
    and (request_ref = ${ref} or kind in ('backup.inventory', 'store.restored', 'store.released')) limit 1`.execute(db);
  if (newer.rows.length > 0) return undefined;
  const own = await sql<{ index: number; body: string }>`select index, body from lethe.ledger_entry
    where request_ref = ${ref} and kind = any (${certifiedKinds}::text[]) order by index`.execute(db);
  const facts = factsOf(own.rows.flatMap(({ body }) => parseCertified(body) ?? []));
  if (facts === undefined) {
    throw new LetheError("REQUEST_STATE", `request ${ref} is not erased`, {
      hint: "a certificate tells of what is done: wait for the night that erases and verifies it; see `lethe request show`",
    });
  }
  const repositories = config.backups
    .filter(({ store }) => Object.hasOwn(facts.outcomes, store))
    .map(({ name, store }) => ({ repository: name, store }));
  const quoted = await sql<{ index: number }>`
    with own as (select kind, run_id, body::jsonb as body from lethe.ledger_entry where request_ref = ${ref}),
      inventory as (select distinct on (body::jsonb ->> 'repository') index from lethe.ledger_entry
        where kind = 'backup.inventory' and body::jsonb ->> 'repository' = any (${repositories.map(({ repository }) => repository)}::text[])
          and (${facts.completed === null} or run_id = (select run_id from own where kind = 'request.completed' limit 1))
        order by body::jsonb ->> 'repository', index desc)
    select min(index) as index from lethe.ledger_entry
      where kind = 'exceptions.listed' and body::jsonb ->> 'digest' in (select body ->> 'exceptions' from own where kind = 'request.approved')
      group by body::jsonb ->> 'digest'
    union select index from lethe.ledger_entry where kind = 'run.started'
      and run_id in (select run_id from own where kind in ('request.erasing', 'request.erased', 'request.archived'))
    union select index from inventory
    union select index from lethe.ledger_entry where kind in ('store.restored', 'store.released')
      and body::jsonb ->> 'store' = any (${Object.keys(facts.outcomes)}::text[])
      and index > (select max(index) from lethe.ledger_entry where request_ref = ${ref} and kind in ('request.erased', 'request.archived'))`.execute(
    db,
  );
  const entries = await proveEntries(db, new Set([...own.rows, ...quoted.rows].map(({ index }) => index)), checkpoint);
  // Again, with what is quoted.
  const whole = factsOf(entries.flatMap(({ body }) => parseCertified(body) ?? []));
  if (whole === undefined) {
    throw new LetheError(
      "STORE_RESTORED",
      `a store that the person of request ${ref} was in was restored, and is not released`,
      {
        hint: "whoever was erased may be back in it: see `lethe backups guard`, and certify once it is released",
      },
    );
  }
  return {
    facts: whole,
    entries,
    repositories,
    left: await backupsHolding(db, config, ref),
  };
};
