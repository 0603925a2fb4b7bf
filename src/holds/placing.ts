import type { Kysely } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { decider } from "#intake/decision.ts";
import { dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import type { HoldReason } from "#records/hold.ts";

/** Who places a hold, for which case, why, and until which day (ISO, included); without one, until somebody releases it. */
export type Placing = {
  readonly by: string;
  readonly matter: string;
  readonly reason?: HoldReason | undefined;
  readonly until?: string | undefined;
};

/** Throws `HOLD_INVALID`: the matter is a file reference and no text, since it goes into the ledger; and the last day is not over. */
export const checkPlacing = (ctx: Context, { matter, until }: Placing): void => {
  assertMatter(matter);
  assertUntil(ctx, until);
};

const dayOf = (text: string | undefined, option: string): string | null => {
  if (text === undefined) return null;
  try {
    if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !text.startsWith("0000")) return Temporal.PlainDate.from(text).toString();
  } catch {
    // Said below.
  }
  throw new LetheError("HOLD_INVALID", `${option} is no ISO date`, { hint: `write it like ${option} 2026-01-31` });
};

type Days = { readonly from: string | null; readonly to: string | null };

/** The days of a hold from `--from` to `--to`; null of an open end. Throws `HOLD_INVALID`. */
export const daysOf = ({ from, to }: { readonly from: string | undefined; readonly to: string | undefined }): Days => {
  const days = { from: dayOf(from, "--from"), to: dayOf(to, "--to") };
  if (days.from === null || days.to === null || days.from <= days.to) return days;
  throw new LetheError("HOLD_INVALID", "the time ends before it begins", {
    hint: "give --from and --to, both included",
  });
};

const assertMatter = (matter: string): void => {
  if (/^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,79}$/.test(matter)) return;
  throw new LetheError("HOLD_INVALID", "the matter is not a file reference", {
    hint: "give the reference of the case, up to 80 letters, digits and ._:/#- (such as - in place of a blank), and no name: it goes into the ledger",
  });
};

const assertUntil = (ctx: Context, until: string | undefined): void => {
  const day = dayOf(until, "--until");
  const today = dayIn(ctx.clock.now(), ctx.config.controller.timeZone).toString();
  if (day === null || day >= today) return;
  throw new LetheError("HOLD_INVALID", "the hold would be over already", { hint: `give a day from ${today} on` });
};

/** What the ledger says of it, by whomever and of whatever. */
export const placedAs = (ctx: Context, ref: string, { by, matter, reason = "other", until }: Placing) => ({
  hold: ref,
  matter,
  reason,
  until: until ?? null,
  by: decider(ctx, by),
});

type Inserted = { readonly ref: string } & (
  | {
      readonly kind: "rows";
      readonly store: string;
      readonly table: string;
      readonly clock: string | null;
      readonly from: string | null;
      readonly to: string | null;
    }
  | {
      readonly kind: "backups";
      readonly store: string;
      readonly repository: string;
      readonly backup: string | null;
      readonly from: string | null;
      readonly to: string | null;
    }
  | { readonly kind: "request"; readonly request: number }
  | { readonly kind: "subject" }
);

/** Returns the hold's number. */
export const insertHold = async (
  ctx: Context,
  db: Kysely<StateDb>,
  { by, matter, reason = "other", until }: Placing,
  hold: Inserted,
): Promise<number> => {
  const rows = hold.kind === "rows" ? hold : undefined;
  const backups = hold.kind === "backups" ? hold : undefined;
  const timed = rows ?? backups;
  const inserted = await db
    .insertInto("lethe.hold")
    .values({
      ref: hold.ref,
      matter,
      reason,
      kind: hold.kind,
      request_id: hold.kind === "request" ? hold.request : null,
      store: timed?.store ?? null,
      table_name: rows?.table ?? null,
      clock: rows?.clock ?? null,
      repository: backups?.repository ?? null,
      backup: backups?.backup ?? null,
      from_on: timed?.from ?? null,
      to_on: timed?.to ?? null,
      until_on: until ?? null,
      placed_by: by,
      placed_at: ctx.clock.now().toString(),
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return inserted.id;
};
