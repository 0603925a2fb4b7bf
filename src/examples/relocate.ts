import { rowNumber } from "#examples/tables.ts";
import type { Edge, PlannedAggregate, Reorder, Scope, Shape, Step, Via } from "#records/plan.ts";

/** A row that is put in again is the same one. */
const reorderWith = (step: Step): { readonly reorder?: Reorder } =>
  step.kind !== "anonymise" || step.reorder === undefined
    ? {}
    : { reorder: { ...step.reorder, columns: [...step.reorder.columns, rowNumber] } };

/**
 * The same rules over other tables: each name goes through `at`. What lies outside the tables (views, guards, triggers, what the database does
 * by itself) is left out.
 */
export const relocate = (shape: Shape, at: (table: string) => string): Shape => {
  const edgeAt = (edge: Edge): Edge => ({
    ...edge,
    table: at(edge.table),
    to: { ...edge.to, table: at(edge.to.table) },
  });
  const viaAt = ({ edge, direction }: Via): Via => ({ edge: edgeAt(edge), direction });
  const scopeAt = (scope: Scope): Scope => ({
    ...scope,
    table: at(scope.table),
    via: scope.via.map(viaAt),
    self: scope.self === undefined ? undefined : edgeAt(scope.self),
    uses: scope.uses.map(edgeAt),
  });
  const aggregateAt = (step: Step): { readonly aggregate?: PlannedAggregate } =>
    step.kind === "anonymise" && step.aggregate !== undefined
      ? { aggregate: { ...step.aggregate, into: at(step.aggregate.into) } }
      : {};
  const stepAt = (step: Step): Step =>
    step.kind === "cut"
      ? { ...step, table: at(step.table), edge: edgeAt(step.edge) }
      : { ...step, table: at(step.table), ...reorderWith(step), ...aggregateAt(step) };
  return {
    ...shape,
    root: { ...shape.root, table: at(shape.root.table) },
    scopes: shape.scopes.map(scopeAt),
    steps: shape.steps.map(stepAt),
    kept: [],
    deletion: { ...shape.deletion, hiddenFrom: [], refuse: [] },
    blockers: shape.blockers.map((blocker) => ({
      ...blocker,
      table: at(blocker.table),
      whose: blocker.whose?.map(edgeAt),
      other: blocker.other?.map(edgeAt),
    })),
    recipients: shape.recipients.map((recipient) => ({ ...recipient, table: at(recipient.table) })),
    figures: shape.figures.map((figure) => ({ ...figure, table: at(figure.table) })),
    refresh: [],
    triggered: [],
    effects: [],
  };
};

/** Every table that the statements of a shape read or write. */
export const tablesOf = (shape: Shape): ReadonlySet<string> => {
  const tables = new Set<string>();
  relocate(shape, (table) => {
    tables.add(table);
    return table;
  });
  return tables;
};
