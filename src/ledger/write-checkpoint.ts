import { sql } from "kysely";
import type { Context } from "#context.ts";
import { originOf, type Checkpoint } from "#ledger/checkpoint.ts";
import { signCheckpoint } from "#ledger/sign-checkpoint.ts";
import { emptyRoot } from "#ledger/tree.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";

export type SignedCheckpoint = Checkpoint & { readonly note: string };

/**
 * Signs the head of the ledger as it is now and keeps the note with the frontier, so that the next bundle can start
 * here. Again at the same size it gives the same note; after a change of key or controller, one signed anew.
 *
 * @throws LetheError `LEDGER_CORRUPT` when another root was signed at this size: a log that contradicts itself.
 */
export const writeCheckpoint = async (
  ctx: Pick<Context, "config" | "clock" | "keys" | "state">,
  runId: string | null,
): Promise<SignedCheckpoint> => {
  const { db } = ctx.state;
  const head = await db.selectFrom("lethe.ledger_head").select(["size", "root", "frontier"]).executeTakeFirst();
  const { size, root, frontier } = head ?? { size: 0, root: emptyRoot, frontier: [] };
  const checkpoint = { origin: originOf(ctx.config.controller.name), size, root };
  const note = signCheckpoint(checkpoint, ctx.keys.signing);
  const stored = await sql`insert into lethe.checkpoint as known (size, root, frontier, note, signed_at, run_id)
    values (${size}, ${root}, ${frontier}::bytea[], ${note}, ${ctx.clock.now().toString()}, ${runId})
    on conflict (size) do update set note = excluded.note where known.root = excluded.root
    returning size`.execute(db);
  if (stored.rows.length === 0) {
    throw new LetheError(
      "LEDGER_CORRUPT",
      `the ledger has another root at ${size} entries than the one that was signed`,
      {
        hint: "restore Lethe's own database from the last backup before somebody changed it",
      },
    );
  }
  faultPoint("after-checkpoint");
  return { ...checkpoint, note };
};
