import { sql } from "kysely";
import type { Context } from "#context.ts";
import { waitingFor } from "#db/waiting-for.ts";
import { reading } from "#intake/transaction.ts";
import type { HoldKind, HoldReason } from "#records/hold.ts";

/** A legal hold as people read it: never whom it is about. */
export type HoldLine = {
  readonly ref: string;
  readonly matter: string;
  readonly reason: HoldReason;
  readonly kind: HoldKind;
  /** The request that it is on. */
  readonly request: string | null;
  readonly store: string | null;
  readonly table: string | null;
  readonly repository: string | null;
  readonly backup: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly placed: string;
  readonly by: string;
  readonly until: string | null;
  readonly released: string | null;
  /** How many requests wait for the matter. */
  readonly waiting: number;
};

/** The holds in force, or all that ever were, in the order in which they were placed. */
export const listHolds = (ctx: Context, { all }: { readonly all: boolean }): Promise<readonly HoldLine[]> =>
  reading(ctx, async (db) => {
    const { rows } =
      await sql<HoldLine>`with waiting as materialized (${waitingFor(ctx.config.controller.timeZone)}) select h.ref, h.matter, h.reason, h.kind, r.ref as request, h.store, h.table_name as "table", h.repository, h.backup,
        h.from_on as "from", h.to_on as "to", h.placed_at as placed, h.placed_by as by, h.until_on as until, h.released_at as released,
        case when h.released_at is not null then 0 else coalesce(w.requests, 0) end as waiting
      from lethe.hold h left join lethe.request r on r.id = h.request_id left join waiting w on w.matter = h.matter
      where ${all} or h.released_at is null order by h.id`.execute(db);
    return rows;
  });
