/** Works on all items, begun in their order, so many at a time. The first that fails keeps others from being begun, and is thrown when none is at work any more. */
export const forEachAtOnce = async <T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const left = each(items);
  const worker = async (): Promise<void> => {
    // Who leaves the loop by an error closes what all of them draw from.
    for (const item of left) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
};

function* each<T>(items: Iterable<T>): Generator<T> {
  yield* items;
}
