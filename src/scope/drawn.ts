import { sql, type RawBuilder } from "kysely";
import { sha256Hex } from "#lib/canonical.ts";
import type { Transform } from "#policy/transform.ts";
import { isDrawn, type ColumnChange, type Shape, type Step } from "#records/plan.ts";

/**
 * The scope table's column for the value that is drawn for a column, whatever else its step changes: at a deadline it changes more. A column's name
 * may be as long as PostgreSQL allows, so that there is no room beside it.
 */
export const drawnName = (column: string): string => `d_${sha256Hex(column).slice(0, 16)}`;
/** Among which rows it was drawn, in this batch; and the same for rows that look alike, in every batch. */
export const groupName = (column: string): string => `g${drawnName(column)}`;
export const classOfGroup = (column: string): string => `c${drawnName(column)}`;

export const drawnIn = (step: Step | undefined): readonly (ColumnChange & { readonly index: number })[] =>
  step !== undefined && "changes" in step
    ? step.changes.flatMap((change, index) => (isDrawn(change) ? [{ ...change, index }] : []))
    : [];

type Mixed = ColumnChange & { readonly transform: Extract<Transform, { kind: "shuffle" | "mean" }> };

/** What a row says afterwards is made of what others of the batch said. */
export const mixedIn = (step: Step | undefined): readonly Mixed[] =>
  step !== undefined && "changes" in step ? step.changes.filter(isMixed) : [];

const isMixed = (change: ColumnChange): change is Mixed =>
  change.transform.kind === "shuffle" || change.transform.kind === "mean";

/** Of rows that are counted: whether the row goes into the class of others, and which of those, in this batch and in every batch. */
export const otherName = "a_other";
export const otherGroup = "a_group";
export const otherClass = "a_class";

/** The columns of a scope table for what is drawn, empty until then: only its own transaction knows which row has which. */
export const drawnColumns = (shape: Shape, table: string): readonly RawBuilder<unknown>[] => {
  const step = stepOf(shape, table);
  const counted = step?.kind === "anonymise" && step.aggregate !== undefined;
  return [
    ...drawnIn(step).map(({ name, type }) => sql`null::${sql.raw(type)} as ${sql.id(drawnName(name))}`),
    ...[...new Set([...drawnIn(step), ...mixedIn(step)].map(({ name }) => name))].flatMap((name) => [
      sql`null::int as ${sql.id(groupName(name))}`,
      sql`null::int as ${sql.id(classOfGroup(name))}`,
    ]),
    ...(counted
      ? [
          sql`null::bool as ${sql.id(otherName)}`,
          sql`null::int as ${sql.id(otherGroup)}`,
          sql`null::int as ${sql.id(otherClass)}`,
        ]
      : []),
  ];
};

/** The values themselves, for whoever changes the rows. */
export const drawnNames = (shape: Shape, table: string): readonly string[] => {
  const step = stepOf(shape, table);
  const counted = step?.kind === "anonymise" && step.aggregate !== undefined;
  return [...drawnIn(step).map(({ name }) => drawnName(name)), ...(counted ? [otherName] : [])];
};

const stepOf = (shape: Shape, table: string): Step | undefined =>
  shape.steps.find((step) => step.table === table && step.kind !== "cut");
