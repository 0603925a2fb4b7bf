import { digestOf } from "#lib/canonical.ts";
import type { RowHold } from "#records/hold.ts";
import { parentOf, type Edge, type Shape, type Step } from "#records/plan.ts";

/**
 * What can go of a subject while a legal hold covers rows of theirs in the tables `held`: a hold stops what it covers, and no more. What stays with
 * the rows is what they refer to and by what they are found again, the subject's own row at least; and what recipients have to be told of, which
 * is told when the rest goes. Undefined where nothing is left to do, or where the whole has to wait: who is only marked stays marked as a whole,
 * and a remedy belongs to the deletion that needs it.
 */
export const heldStage = (
  shape: Shape,
  held: readonly string[],
  holds: readonly Pick<RowHold, "ref" | "table">[],
): Shape | undefined => {
  if (shape.stage !== "whole" || shape.deletion.mode === "soft" || shape.deletion.mode === "soft-then-hard")
    return undefined;
  const waiting = waitingWith(shape, held);
  const steps = shape.steps.filter(
    (step) => !waiting.has(step.table) && (step.kind !== "cut" || !waiting.has(step.edge.to.table)),
  );
  if (!steps.some(({ kind }) => kind !== "cut")) return undefined;
  // By the holds as well: once one of two is over, what only it covered goes.
  const refs = holds.filter(({ table }) => held.includes(table)).map(({ ref }) => ref);
  const left = [...waiting, ...held, ...refs].toSorted();
  // The mark is the subject's own row's, which waits.
  const deletion = { ...shape.deletion, mark: [], hiddenFrom: [], refuse: [] };
  const stage = `part ${digestOf(left).slice(0, 16)}` as const;
  return { ...shape, stage, steps, deletion, blockers: [], recipients: [] };
};

/** Tables whose rows of the subject all wait. Of the held tables themselves only the rows that a hold covers do, unless others refer to them. */
const waitingWith = (shape: Shape, held: readonly string[]): ReadonlySet<string> => {
  const edges = knownEdges(shape);
  const neededBy = (table: string): readonly string[] => [
    ...(shape.scopes.find((scope) => scope.table === table)?.via ?? []).map(parentOf),
    ...edges.filter((edge) => edge.table === table).map((edge) => edge.to.table),
  ];
  const waiting = new Set<string>();
  const wait = (table: string): void => {
    if (waiting.has(table)) return;
    waiting.add(table);
    neededBy(table).forEach(wait);
  };
  held.flatMap(neededBy).forEach(wait);
  shape.recipients.forEach(({ table }) => wait(table));
  // The rows are treated again with the rest: what would come out otherwise the second time waits for it.
  shape.steps.filter((step) => !isRepeatable(step)).forEach(({ table }) => wait(table));
  return waiting;
};

const isRepeatable = (step: Step): boolean =>
  !("changes" in step) ||
  // The second time it would be among fewer people, or none.
  (!("reorder" in step) &&
    step.changes.every(
      ({ transform }) =>
        !["generalise", "rare", "mean", "rekey", "shuffle"].includes(transform.kind) &&
        !(transform.kind === "now" && transform.when === "always"),
    ));

/** The references among the tables of the shape that its rules follow, spare or cut. */
const knownEdges = (shape: Shape): readonly Edge[] => [
  ...shape.scopes.flatMap(({ via, self, uses }) => [
    ...via.map(({ edge }) => edge),
    ...(self === undefined ? [] : [self]),
    ...uses,
  ]),
  ...shape.steps.flatMap((step) => (step.kind === "cut" ? [step.edge] : [])),
];
