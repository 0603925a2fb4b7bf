import { sql } from "kysely";
import type { Context } from "#context.ts";
import type { Disposition } from "#records/treatment.ts";

export type Step = Pick<Disposition, "table" | "treatment" | "rows" | "spared">;
export type TableStays = {
  readonly table: string;
  readonly columns: readonly string[];
  /** At least so many rows hold some of it. */
  readonly rows: number;
  readonly why: string;
};
export type Remedies = {
  readonly code: string;
  readonly table: string;
  readonly action: string;
  readonly rows: number;
};

/** What Lethe's own records say of everything that was done since the demo began, as the stores told it. */
export type Effects = {
  readonly steps: readonly Step[];
  /** Personal data that stays on purpose, the tables with the most columns first. */
  readonly stays: readonly TableStays[];
  readonly remedies: readonly Remedies[];
};

export const readEffects = async ({ state: { db } }: Context): Promise<Effects> => {
  const steps =
    await sql<Step>`select table_name as "table", treatment, sum(rows)::bigint as rows, sum(spared)::bigint as spared
    from lethe.disposition group by 1, 2 order by 1`.execute(db);
  const stays = await sql<TableStays>`
    with columns as (
      select table_name, column_name, sum(rows)::bigint as rows, min(why) as why from lethe.stay group by 1, 2)
    select table_name as "table", array_agg(column_name order by column_name) as columns, max(rows) as rows, min(why) as why
    from columns group by 1 order by count(*) desc, 1`.execute(db);
  const remedies = await sql<Remedies>`select code, table_name as "table", action, sum(rows)::bigint as rows
    from lethe.remedy group by 1, 2, 3 order by 1`.execute(db);
  return { steps: steps.rows, stays: stays.rows, remedies: remedies.rows };
};
