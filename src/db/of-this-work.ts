import { sql, type RawBuilder } from "kysely";
import type { Context } from "#context.ts";

/** Of the requests `r` those that are worked on: what people ask for, or what repeats the erasures that one restore undid. */
export const ofThisWork = ({ restore }: Pick<Context, "restore">): RawBuilder<boolean> =>
  restore === undefined ? sql`r.restore_id is null` : sql`r.restore_id = ${restore}`;
