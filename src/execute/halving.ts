import type { Failure } from "#execute/failure.ts";

/** What of a batch was not done, and why. */
export type Unfinished<T> = { readonly subjects: readonly T[]; readonly failure: Failure };

export type Batchwise<T> = {
  /** Undefined: everybody is done, or was stopped for a reason of their own. */
  readonly attempt: (subjects: readonly T[]) => Promise<Unfinished<T> | undefined>;
  /** One subject is to blame. */
  readonly fail: (subject: T, failure: Failure) => Promise<void>;
};

/** What came of the parts so far: whether any was done, and who failed alone of what may as well be the store's fault. */
type Parts<T> = { done: boolean; readonly doubted: { readonly subject: T; readonly failure: Failure }[] };

/**
 * Works on a batch as a whole. What is one subject's fault is narrowed down by halving until the culprit is alone, and that one fails
 * while the others finish (I4). What may as well be the store's fault is that when both halves fail alike, or when in the end nothing
 * was done: then it is thrown.
 */
export const halving = async <T>(subjects: readonly T[], work: Batchwise<T>): Promise<void> => {
  const parts: Parts<T> = { done: false, doubted: [] };
  const unfinished = await tried(subjects, work, parts);
  if (unfinished !== undefined) await narrow(unfinished, work, parts, undefined);
  for (const { subject, failure } of parts.doubted) {
    if (!parts.done) throw failure.doubtful;
    await work.fail(subject, failure);
  }
};

const tried = async <T>(
  subjects: readonly T[],
  { attempt }: Batchwise<T>,
  parts: Parts<T>,
): Promise<Unfinished<T> | undefined> => {
  let left = subjects;
  for (let tries = 1; left.length > 0; tries += 1) {
    const unfinished = await attempt(left);
    if (unfinished === undefined) break;
    if (tries >= unfinished.failure.tries) return unfinished;
    left = unfinished.subjects;
  }
  parts.done = true;
  return undefined;
};

/** `known` is the SQLSTATE of which it was seen that it befalls some subjects only. */
const narrow = async <T>(
  { subjects, failure }: Unfinished<T>,
  work: Batchwise<T>,
  parts: Parts<T>,
  known: string | undefined,
): Promise<void> => {
  const { doubtful, detail, divisible } = failure;
  if (!divisible) {
    for (const subject of subjects) await work.fail(subject, failure);
    return;
  }
  const isDoubtful = doubtful !== undefined && detail.sqlstate !== known;
  const [subject] = subjects;
  if (subject !== undefined && subjects.length === 1) {
    if (isDoubtful) parts.doubted.push({ subject, failure });
    else await work.fail(subject, failure);
    return;
  }
  const middle = Math.ceil(subjects.length / 2);
  const halves = [subjects.slice(0, middle), subjects.slice(middle)];
  if (!isDoubtful) {
    for (const half of halves) {
      const unfinished = await tried(half, work, parts);
      if (unfinished !== undefined) await narrow(unfinished, work, parts, known);
    }
    return;
  }
  const left: Unfinished<T>[] = [];
  for (const half of halves) {
    const unfinished = await tried(half, work, parts);
    if (unfinished !== undefined) left.push(unfinished);
  }
  const states = left.map((unfinished) => unfinished.failure.detail.sqlstate);
  if (left.length === 2 && states[0] === states[1]) throw doubtful;
  for (const [index, unfinished] of left.entries()) await narrow(unfinished, work, parts, states[index]);
};
