import { sql } from "kysely";
import type { Context } from "#context.ts";

/** Where a store's rows may lie as they were. */
export type Copies = {
  /**
   * `held`: what has just been changed is in them as it was, and a repository is taken to hold it until listed anew (B8). `unknown`: nobody has
   * said where there are any, which is not that there are none.
   */
  readonly backups: "held" | "unknown";
  /** Encrypted copies are made before rows change, or were once: Lethe deletes none, and is told of none that somebody deletes. */
  readonly exported: boolean;
};

/** What the configuration and our own records know of copies of a store's rows. */
export const copiesOf = async (
  { config, state }: Pick<Context, "config" | "state">,
  store: string,
): Promise<Copies> => {
  const backups = config.backups.some((each) => each.store === store) ? "held" : "unknown";
  if (config.export !== undefined) return { backups, exported: true };
  const { rows } = await sql`select from lethe.export where store = ${store} limit 1`.execute(state.db);
  return { backups, exported: rows.length > 0 };
};
