import { sql, type RawBuilder } from "kysely";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { ConservedItem } from "#report/anonymity-document.ts";
import type { ReportTotals } from "#report/report-source.ts";
import type { Scope } from "#report/scope.ts";
import { withheldOf, type Cell } from "#report/withhold.ts";

/**
 * Totals before and after per table, measure, period and dimensions, over all batches of the runs. Values are withheld (D5, D6) where they would
 * describe a person rather than a crowd: all of a table when fewer people than its threshold were in the runs; a cell of fewer than that,
 * or one that a deadline has changed, since what is missing afterwards is somebody's; and as many others as would give those away. Which values
 * those are of is withheld as well. The threshold is the k of the table's rule, whether or not anything is measured of the table.
 */
export async function* readConserved(
  snapshot: Snapshot,
  scope: Scope,
  withheld: Withheld,
): AsyncGenerator<ConservedItem> {
  yield* stream(snapshot, itemsOf(scope, withheld));
}

type Withheld = readonly string[];

type Told = Pick<ReportTotals, "compared" | "unequal" | "unkept">;

/** How many totals the report lists, and how many of them differ. */
export const readConservedTotals = async (snapshot: Snapshot, scope: Scope, withheld: Withheld): Promise<Told> => {
  const items = itemsOf(scope, withheld);
  const [told] = await all(
    snapshot,
    sql<Told>`select count(*) as compared, count(*) filter (where not equal and why is null) as unequal,
      count(*) filter (where why is not null) as unkept from (${items}) as item`,
  );
  return told ?? { compared: 0, unequal: 0, unkept: 0 };
};

/**
 * All that is withheld of a period is one total, behind those that are published. In its place between them it would tell which value it is of;
 * and so would the number of what is withheld, to whoever knows from other periods which values there are.
 */
const itemsOf = ({ ids }: Scope, withheld: Withheld): RawBuilder<ConservedItem> => sql<ConservedItem>`
  with total as (
    select store, table_name, measure, period, hidden.place is not null as hidden,
      case when hidden.place is null or dimensions = '{}' then dimensions end as shown,
      measure like 'distinct(%' and count(*) > 1 as overlapping,
      sum(before) as before, sum(after) as after, bool_and(equal) as equal, bool_and(equal or late) as excused
    from lethe.conserved left join unnest(${withheld}::text[]) as hidden (place) on hidden.place = ${placeOf}
    where run_id = any(${ids}::text[]) group by store, table_name, measure, period, dimensions, hidden.place
  ), item as (
    select store, table_name as table, measure, period, shown as by, hidden, sum(before)::text as before, sum(after)::text as after,
      bool_and(equal) as equal, case when not bool_and(equal) and bool_and(excused) then 'deadline' end as why,
      case when hidden then 'withheld' when bool_or(overlapping) then 'several-batches' end as untold
    from total group by store, table_name, measure, period, shown, hidden
  )
  select store, item.table, measure, period, by, case when untold is null then before end as before,
    case when untold is null then after end as after, untold, equal, why
  from item order by store, item.table, measure, period, hidden, by`;

const placeOf = sql`jsonb_build_array(store, table_name, period, dimensions)::text`;

type Sized = {
  readonly name: string;
  readonly place: string;
  readonly row: string;
  readonly column: string;
  readonly people: number;
  readonly late: boolean;
  readonly least: number;
  readonly crowd: number;
};

/** The places of the cells whose values are withheld, whatever is measured of them. They do not grow with the people. */
export const readWithheld = async (snapshot: Snapshot, { ids }: Scope): Promise<Withheld> => {
  const cells = await all(
    snapshot,
    sql<Sized>`with crowd as (
      select store, table_name, count(distinct request_id) as crowd from lethe.disposition
      where run_id = any(${ids}::text[]) and rows > 0 group by store, table_name
    ), batch as (
      select store, table_name, period, dimensions, batch_id, max(people) as people, max(threshold) as least,
        bool_or(late and not equal) as late
      from lethe.conserved where run_id = any(${ids}::text[]) group by 1, 2, 3, 4, 5
    )
    select jsonb_build_array(store, table_name)::text as name, ${placeOf} as place, period::text as row, dimensions::text as column,
      sum(people)::int8 as people, bool_or(late) as late, (max(max(least)) over (partition by store, table_name))::int8 as least, coalesce(crowd, 0)::int8 as crowd
    from batch left join crowd using (store, table_name)
    group by store, table_name, period, dimensions, crowd order by store, table_name, period, dimensions`,
  );
  const places: string[] = [];
  for (const table of Map.groupBy(cells, ({ name }) => name).values()) {
    const [{ least, crowd }] = table as [Sized, ...Sized[]];
    const hidden = withheldOf(table.map(cellOf), least);
    for (const [index, { place }] of table.entries()) if (crowd < least || hidden.has(index)) places.push(place);
  }
  return places;
};

const cellOf = ({ row, column, people, late }: Sized): Cell => ({ row, column, people, bare: late });
