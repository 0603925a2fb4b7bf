import { sql, type RawBuilder } from "kysely";
import { LetheError } from "#lib/errors.ts";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { ConservedItem } from "#report/anonymity-document.ts";
import type { ReportTotals } from "#report/report-source.ts";
import type { Scope } from "#report/scope.ts";

/**
 * Totals before and after per table, measure, period and dimensions, as far as each run's report tells them, see `tellConserved`; what those withhold of
 * a period stands behind what they tell.
 */
export async function* readConserved(snapshot: Snapshot, scope: Scope): AsyncGenerator<ConservedItem> {
  yield* stream(snapshot, itemsOf(scope));
}

type Told = Pick<ReportTotals, "compared" | "unequal" | "unkept">;

/** How many totals the report lists, and how many of them differ. Throws `INTERNAL` when a run has ended since it was decided what to tell. */
export const readConservedTotals = async (snapshot: Snapshot, scope: Scope): Promise<Told> => {
  const undecided = await all(
    snapshot,
    sql`select from lethe.conserved where run_id = any(${scope.ids}::text[]) limit 1`,
  );
  if (undecided.length > 0) throw new LetheError("INTERNAL", "a run ended meanwhile", { hint: "try again" });
  const [told] = await all(
    snapshot,
    sql<Told>`select count(*) as compared, count(*) filter (where not equal and why is null) as unequal,
      count(*) filter (where why is not null) as unkept from (${itemsOf(scope)}) as item`,
  );
  return told ?? { compared: 0, unequal: 0, unkept: 0 };
};

const itemsOf = ({ ids }: Scope): RawBuilder<ConservedItem> => sql<ConservedItem>`
  with item as (
    select store, table_name as table, measure, period, dimensions as by, withheld, sum(before)::text as before, sum(after)::text as after,
      bool_and(equal) as equal, case when not bool_and(equal) and bool_and(equal or late) then 'deadline' end as why,
      -- Different values of two batches may be the same ones.
      case when withheld then 'withheld' when measure like 'distinct(%' and sum(batches) > 1 then 'several-batches' end as untold
    from lethe.conserved_told where run_id = any(${ids}::text[])
    group by store, table_name, measure, period, dimensions, withheld
  )
  select store, item.table, measure, period, by, case when untold is null then before end as before,
    case when untold is null then after end as after, untold, equal, why
  from item order by store, item.table, measure, period, withheld, by`;
