import type { Catalog } from "#catalog/catalog.ts";
import { LetheError } from "#lib/errors.ts";
import { nearest } from "#lib/nearest.ts";
import type { ReadableHold, RowHold } from "#records/hold.ts";

const datelike = /^(date|timestamp)/;

/**
 * Holds as a store can be asked for their rows. Throws `HOLD_UNREADABLE` for the first whose table or clock the store has no more: which rows it
 * protects nobody can tell then, so none are touched until somebody has looked.
 */
export const readableHolds = (catalog: Catalog, holds: readonly RowHold[]): readonly ReadableHold[] =>
  holds.map((hold) => {
    const problem = holdProblem(catalog, hold);
    if (typeof problem !== "string") return problem;
    throw new LetheError(
      "HOLD_UNREADABLE",
      `hold ${hold.ref} of matter ${hold.matter} in ${catalog.store}: ${problem}`,
      {
        hint: "nothing is changed in the store meanwhile: place the hold anew on what the table is called now, then release this one",
      },
    );
  });

/** What a hold says in terms of the live schema, or why it says nothing there. */
export const holdProblem = (catalog: Catalog, hold: RowHold): ReadableHold | string => {
  const table = catalog.tables.get(hold.table);
  if (table === undefined || (table.kind !== "table" && table.kind !== "partitioned")) {
    const whole = [...catalog.tables.values()].find(({ partitions }) => partitions.includes(hold.table));
    if (whole !== undefined) return `${hold.table} is a partition: name ${whole.name}`;
    const near = nearest(hold.table, catalog.tables.keys());
    return `the store has no table ${hold.table}${near === undefined ? "" : `; did you mean ${near}?`}`;
  }
  if (hold.clock === null) return { ...hold, clock: null };
  const column = table.columns.find(({ name }) => name === hold.clock);
  if (column === undefined) return `table ${hold.table} has no column ${hold.clock}`;
  if (!datelike.test(column.type)) return `${hold.table}.${hold.clock} is ${column.type}, not a date or a timestamp`;
  return { ...hold, clock: { column: column.name, type: column.type } };
};
