import { sql, type Kysely, type RawBuilder } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { faultPoint } from "#lib/fault.ts";
import { withheldOf, type Cell } from "#report/withhold.ts";

/**
 * Decides for each run that has ended what its report, and every other, will ever tell of its conserved totals; what is withheld is forgotten (I8):
 * which values it was of, and how much it was. For the caller who holds the lock of reports, before a report is made. The report is made
 * of what this leaves, and so is another one after a crash, and that of a period: it adds up what the runs' reports tell, so that
 * nobody learns from the difference of two reports what one of them withheld. A second time it changes nothing.
 */
export const tellConserved = async (db: Kysely<StateDb>): Promise<void> => {
  const { rows } = await sql<{ id: string }>`select id from lethe.run
    where ended_at is not null and id in (select run_id from lethe.conserved) order by id`.execute(db);
  if (rows.length === 0) return;
  for (const { id } of rows) {
    await db.transaction().execute(async (tx) => {
      await told(id, await withheldIn(tx, id)).execute(tx);
    });
    faultPoint("after-totals-told");
  }
  // A deleted row stays in its page until then; the next verification makes up for a process that died in between.
  await sql`vacuum lethe.conserved`.execute(db);
};

/**
 * All that is withheld of a period is one total, without its values. Its place between those that are told would say which value it is of; and so would
 * the number of what is withheld, to whoever knows from other periods which values there are.
 */
const told = (run: string, withheld: readonly string[]): RawBuilder<unknown> => sql`
  with gone as (delete from lethe.conserved where run_id = ${run} returning *),
  cell as (
    select gone.*, hidden.place is not null as withheld, case when hidden.place is null or dimensions = '{}' then dimensions end as shown
    from gone left join unnest(${withheld}::text[]) as hidden (place) on hidden.place = ${placeOf}
  )
  insert into lethe.conserved_told (run_id, store, table_name, measure, period, dimensions, withheld, before, after, batches, equal, late)
  select run_id, store, table_name, measure, period, shown, withheld, case when not withheld then sum(before) end,
    case when not withheld then sum(after) end, case when not withheld then count(*) end, bool_and(equal), bool_and(equal or late)
  from cell group by run_id, store, table_name, measure, period, shown, withheld`;

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

/**
 * The places of the cells that are withheld (D5, D6), whatever is measured of them: all of a table when fewer people than the k of its rule were in the
 * run; a cell of fewer than that, or one that a deadline has changed, since what is missing afterwards is somebody's; and as many others as would
 * give those away. They do not grow with the people.
 */
const withheldIn = async (tx: Kysely<StateDb>, run: string): Promise<readonly string[]> => {
  const { rows: cells } = await sql<Sized>`with crowd as (
      select store, table_name, count(distinct request_id) as crowd from lethe.disposition
      where run_id = ${run} and rows > 0 group by store, table_name
    ), batch as (
      select store, table_name, period, dimensions, batch_id, max(people) as people, max(threshold) as least,
        bool_or(late and not equal) as late
      from lethe.conserved where run_id = ${run} group by 1, 2, 3, 4, 5
    )
    select jsonb_build_array(store, table_name)::text as name, ${placeOf} as place, period::text as row, dimensions::text as column,
      sum(people)::int8 as people, bool_or(late) as late, (max(max(least)) over (partition by store, table_name))::int8 as least,
      coalesce(crowd, 0)::int8 as crowd
    from batch left join crowd using (store, table_name)
    group by store, table_name, period, dimensions, crowd order by store, table_name, period, dimensions`.execute(tx);
  const places: string[] = [];
  for (const table of Map.groupBy(cells, ({ name }) => name).values()) {
    const [{ least, crowd }] = table as [Sized, ...Sized[]];
    const hidden = withheldOf(table.map(cellOf), least);
    for (const [index, { place }] of table.entries()) if (crowd < least || hidden.has(index)) places.push(place);
  }
  return places;
};

const cellOf = ({ row, column, people, late }: Sized): Cell => ({ row, column, people, bare: late });
