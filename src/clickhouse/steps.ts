import { columnTransformSql, periodSql } from "#clickhouse/transforms.ts";
import { id, list } from "#clickhouse/sql.ts";
import { storedColumns, typeIn, type ColumnBatch } from "#clickhouse/scope.ts";
import type { Analysis, Step } from "#records/plan.ts";

export type Anonymise = Extract<Step, { kind: "anonymise" }>;

/** When a batch runs: ISO instant and ISO date, by the controller's time zone (IANA name). */
export type When = { readonly instant: string; readonly day: string; readonly timeZone: string };

/** The steps of a shape with the place of the tables of the batch that they need. */
export const stepsOf = ({
  shape,
}: ColumnBatch): readonly { readonly step: Exclude<Step, { kind: "cut" }>; readonly place: number }[] =>
  shape.steps.flatMap((step, place) => (step.kind === "cut" ? [] : [{ step, place }]));

/** What the rule makes of a column: an expression over the row `t` as it is. */
export const madeOf = (batch: ColumnBatch, step: Anonymise, when: When, column: string): string => {
  const change = step.changes.find(({ name }) => name === column);
  if (change === undefined) return `t.${id(column)}`;
  const { database } = batch.store.client;
  const { instant, day, timeZone } = when;
  return columnTransformSql(change, {
    database,
    table: step.table,
    timeZone,
    now: { instant, day },
    type: typeIn(batch, step.table, column),
  });
};

/** All stored columns of a row as the rule makes them, in the table's order. */
export const made = (batch: ColumnBatch, step: Anonymise, when: When): string =>
  list(storedColumns(batch, step.table).map((column) => `${madeOf(batch, step, when, column)} as ${id(column)}`));

/** The period of the totals in which rows as they are lie, as text; without a clock all share one. */
export const periodIn = (batch: ColumnBatch, table: string, { clock, per }: Analysis, timeZone: string): string =>
  clock === undefined
    ? "'0001-01-01'"
    : `toString(ifNull(${periodSql(clock, per, { type: typeIn(batch, table, clock), timeZone })}, toDate32(0)))`;
