import { sql } from "kysely";
import { usualK } from "#records/anonymity.ts";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { ConservedItem } from "#report/report-document.ts";
import type { Scope } from "#report/scope.ts";
import { withheldOf, type Cell } from "#report/withhold.ts";

type Row = Omit<ConservedItem, "cells" | "by"> & { by: Record<string, string | null>; place: string };

/**
 * Totals before and after per table, measure, period and dimensions, over all batches of the runs. Values are withheld (D5, D6) where they would
 * describe a person rather than a crowd: all of a table when fewer people than its threshold were in the runs; a cell of fewer than that,
 * or one that a deadline has changed, since what is missing afterwards is somebody's; and as many others as would give those away. Which values
 * those are of is withheld as well. The threshold is the largest that was ever measured: a run that died before it measured must not tell more than
 * one that did. Nor must a table of which nothing is measured tell of one person alone: what holds there is what a policy gets that names no k.
 */
export async function* readConserved(snapshot: Snapshot, scope: Scope): AsyncGenerator<ConservedItem> {
  const withheld = await readWithheld(snapshot, scope);
  const query = sql<Row>`
    select store, table_name as table, measure, period, dimensions as by, ${placeOf} as place,
      -- Different values of two batches may be the same ones.
      case when measure not like 'distinct(%' or count(*) = 1 then sum(before)::text end as before,
      case when measure not like 'distinct(%' or count(*) = 1 then sum(after)::text end as after,
      bool_and(before = after) as equal, case when bool_or(late and before <> after) then 'deadline' end as why
    from lethe.conserved where run_id = any(${scope.ids}::text[]) group by store, table_name, measure, period, dimensions
    order by store, table_name, measure, period, dimensions`;
  let hidden: ConservedItem | undefined;
  for await (const { place, ...row } of stream(snapshot, query)) {
    const isHidden = withheld.has(place);
    if (hidden !== undefined && !(isHidden && isBeside(hidden, row))) {
      yield hidden;
      hidden = undefined;
    }
    const divided = Object.keys(row.by).length > 0;
    if (!isHidden) yield { ...row, cells: 1 };
    else if (!divided) yield { ...row, cells: 1, before: null, after: null };
    else {
      hidden = {
        ...row,
        by: null,
        cells: (hidden?.cells ?? 0) + 1,
        before: null,
        after: null,
        equal: row.equal && (hidden?.equal ?? true),
        why: hidden?.why ?? row.why,
      };
    }
  }
  if (hidden !== undefined) yield hidden;
}

const isBeside = (a: Pick<ConservedItem, "store" | "table" | "measure" | "period">, b: typeof a): boolean =>
  a.store === b.store && a.table === b.table && a.measure === b.measure && a.period === b.period;

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
const readWithheld = async (snapshot: Snapshot, { ids }: Scope): Promise<ReadonlySet<string>> => {
  const cells = await all(
    snapshot,
    sql<Sized>`with threshold as (
      select store, table_name, max(threshold) as least from lethe.anonymity group by store, table_name
    ), crowd as (
      select store, table_name, count(distinct request_id) as crowd from lethe.disposition
      where run_id = any(${ids}::text[]) and rows > 0 group by store, table_name
    ), batch as (
      select store, table_name, period, dimensions, batch_id, max(people) as people, max(before) filter (where measure = 'count') as rows,
        bool_or(late and before <> after) as late
      from lethe.conserved where run_id = any(${ids}::text[]) group by 1, 2, 3, 4, 5
    )
    select jsonb_build_array(store, table_name)::text as name, ${placeOf} as place, period::text as row, dimensions::text as column,
      coalesce(sum(coalesce(people, rows)), 0)::int8 as people, bool_or(late) as late,
      coalesce(least, ${usualK})::int8 as least, coalesce(crowd, 0)::int8 as crowd
    from batch left join threshold using (store, table_name) left join crowd using (store, table_name)
    group by store, table_name, period, dimensions, least, crowd order by store, table_name, period, dimensions`,
  );
  const places = new Set<string>();
  for (const table of Map.groupBy(cells, ({ name }) => name).values()) {
    const { least = usualK, crowd = 0 } = table[0] ?? {};
    const hidden = withheldOf(table.map(cellOf), least);
    for (const [index, { place }] of table.entries()) if (crowd < least || hidden.has(index)) places.add(place);
  }
  return places;
};

const cellOf = ({ row, column, people, late }: Sized): Cell => ({ row, column, people, bare: late });
