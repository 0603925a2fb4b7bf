import type { Place } from "#lib/errors.ts";
import { changesWords, conditionsWords, wayWords } from "#explain/words.ts";
import type { Policy } from "#policy/policy.ts";
import type { PlannedBlocker, Shape } from "#records/plan.ts";

export type BlockerExplanation = {
  readonly code: string;
  readonly place: Place;
  /** At which rows it stops. */
  readonly rows: string;
  /** What is done about them: `block`, or the remedy. */
  readonly then: string;
  readonly hint: string | null;
};

/** The blockers that look at a table, or at one column of it: in their conditions, on their ways, or to change it. */
export const blockersAt = (
  policy: Policy,
  shape: Shape,
  table: string,
  column: string | undefined,
): readonly BlockerExplanation[] =>
  policy.blockers.flatMap((written, index): readonly BlockerExplanation[] => {
    const blocker = plannedOf(policy, shape, index);
    if (blocker === undefined || !looksAt(blocker, table, column)) return [];
    return [
      {
        code: written.code,
        place: policy.placeOf(["blockers", index]),
        rows: rowsWords(policy, blocker),
        then: remedyWords(blocker),
        hint: written.hint ?? null,
      },
    ];
  });

/** Planning puts those that block before those that are remedied, and keeps the policy's order in both. */
const plannedOf = (policy: Policy, shape: Shape, index: number): PlannedBlocker | undefined => {
  const blocks = (remedy: unknown): boolean => remedy === undefined;
  const kind = blocks(policy.blockers[index]?.remedy);
  const position = policy.blockers.slice(0, index).filter(({ remedy }) => blocks(remedy) === kind).length;
  return shape.blockers.filter(({ remedy }) => blocks(remedy) === kind)[position];
};

const looksAt = (
  { table, when, whose = [], other = [], remedy }: PlannedBlocker,
  name: string,
  column?: string,
): boolean => {
  const way = [...whose, ...other];
  if (column === undefined) return table === name || way.some((edge) => edge.table === name);
  return (
    (table === name &&
      (Object.hasOwn(when, column) || remedy?.changes.some((change) => change.name === column) === true)) ||
    way.some((edge) => edge.table === name && edge.columns.includes(column))
  );
};

const rowsWords = ({ subject }: Policy, { table, when, whose, other }: PlannedBlocker): string => {
  const conditions = conditionsWords(when);
  return [
    whose === undefined
      ? `the subject's rows of ${table}`
      : `rows of ${table} that lead to the subject (${wayWords(whose)})`,
    ...(other === undefined ? [] : [`and to another row of ${subject.table} (${wayWords(other)})`]),
    ...(conditions === "" ? [] : [`where ${conditions}`]),
  ].join(" ");
};

const remedyWords = ({ remedy }: PlannedBlocker): string => {
  if (remedy === undefined) return "the request waits for a person";
  return remedy.kind === "remove" ? "remedied: the rows are removed" : `remedied: ${changesWords(remedy.changes)}`;
};
