import { sql, type Kysely } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { StateDb } from "#db/state-schema.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { LetheError } from "#lib/errors.ts";
import { appendLeaves, emptyRoot, leafHash, rootOf, type CompactRange } from "#ledger/tree.ts";
import type { LedgerEvent } from "#records/entry.ts";

export type EntryMeta = { readonly at: Temporal.Instant; readonly run: string | null };

/** Machines that share a ledger may differ by this much; beyond it a clock was set back. */
const toleratedSkew = Temporal.Duration.from({ minutes: 5 });

/** Bounds one statement, whatever the caller hands over. */
const rowsPerStatement = 2_000;

type Head = CompactRange & { readonly lastAt: Temporal.Instant };

/**
 * Appends one entry for each event, in order, inside the caller's transaction: the entry is there exactly when the
 * change that it tells of is. Entries have the indexes `from` (inclusive) to `to` (exclusive).
 *
 * An entry's body is the canonical JSON of the event with `at` (UTC, milliseconds) and `run`; its leaf hash follows
 * RFC 6962. The head row is locked until the transaction ends, so that concurrent writers queue and the tree has no
 * gaps: append as late in a transaction as possible, and never take other writers' locks afterwards.
 *
 * @throws LetheError `CLOCK_WENT_BACK` when `at` is more than five minutes before the latest entry. Smaller
 * differences are clamped to the latest entry, so that the times in the ledger never decrease.
 */
export const appendEntries = async (
  db: Kysely<StateDb>,
  events: readonly LedgerEvent[],
  meta: EntryMeta,
): Promise<{ from: number; to: number }> => {
  if (events.length === 0) {
    const size = await currentSize(db);
    return { from: size, to: size };
  }
  const head = await lockHead(db, meta.at);
  const at = timeAfter(head.lastAt, meta.at).toString({ smallestUnit: "millisecond" });
  let range: CompactRange = head;
  for (let start = 0; start < events.length; start += rowsPerStatement) {
    const chunk = events.slice(start, start + rowsPerStatement);
    const bodies = chunk.map((event) => canonicalJson({ at, run: meta.run, ...event }));
    await insertEntries(db, range.size, chunk, bodies, meta.run);
    range = appendLeaves(range, bodies.map(leafHash));
  }
  await sql`update lethe.ledger_head
    set size = ${range.size}, root = ${rootOf(range)}, frontier = ${range.frontier}::bytea[], last_at = ${at}`.execute(
    db,
  );
  return { from: head.size, to: range.size };
};

const currentSize = async (db: Kysely<StateDb>): Promise<number> => {
  const row = await db.selectFrom("lethe.ledger_head").select("size").executeTakeFirst();
  return row?.size ?? 0;
};

const lockHead = async (db: Kysely<StateDb>, at: Temporal.Instant): Promise<Head> => {
  const present = await selectHead(db);
  if (present !== undefined) return present;
  // The first entry of all: whoever comes second waits here for the first to commit, then finds its row.
  await sql`insert into lethe.ledger_head (size, root, frontier, last_at)
    values (0, ${emptyRoot}, '{}', ${at.toString()}) on conflict do nothing`.execute(db);
  const created = await selectHead(db);
  if (created !== undefined) return created;
  throw new LetheError("LEDGER_CORRUPT", "the head of the ledger is missing", {
    hint: "append to the ledger in a transaction of isolation level read committed",
  });
};

const selectHead = async (db: Kysely<StateDb>): Promise<Head | undefined> => {
  const row = await db
    .selectFrom("lethe.ledger_head")
    .select(["size", "frontier", "last_at"])
    .forUpdate()
    .executeTakeFirst();
  return row && { size: row.size, frontier: row.frontier, lastAt: Temporal.Instant.from(row.last_at) };
};

const timeAfter = (lastAt: Temporal.Instant, at: Temporal.Instant): Temporal.Instant => {
  const rounded = at.round({ smallestUnit: "millisecond", roundingMode: "floor" });
  if (Temporal.Instant.compare(rounded, lastAt) >= 0) return rounded;
  if (Temporal.Instant.compare(rounded, lastAt.subtract(toleratedSkew)) >= 0) return lastAt;
  throw new LetheError(
    "CLOCK_WENT_BACK",
    `it is ${rounded.toString()}, but the ledger already reaches ${lastAt.toString()}`,
    {
      hint: "set the machine's clock (or --now) right: entries would be out of order",
    },
  );
};

const insertEntries = async (
  db: Kysely<StateDb>,
  first: number,
  events: readonly LedgerEvent[],
  bodies: readonly string[],
  run: string | null,
): Promise<void> => {
  const kinds = events.map((event) => event.kind);
  const requests = events.map((event) => ("request" in event ? event.request : null));
  await sql`insert into lethe.ledger_entry (index, kind, run_id, request_ref, body)
    select ${first}::bigint + position - 1, kind, ${run}, request, body
    from unnest(${kinds}::text[], ${requests}::text[], ${bodies}::text[])
      with ordinality as entry (kind, request, body, position)`.execute(db);
};
