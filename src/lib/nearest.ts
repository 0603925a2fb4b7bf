/** The candidate that was probably meant: fewest edits away, at most a third of the word; undefined when none is near. */
export const nearest = (word: string, candidates: Iterable<string>): string | undefined => {
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
};

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
const editDistance = (a: string, b: string): number => {
  let previous: number[] = [];
  let current = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substituted = (current[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped =
        a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
          ? (previous[column - 2] ?? Infinity) + 1
          : Infinity;
      next.push(Math.min((current[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, substituted, swapped));
    }
    [previous, current] = [current, next];
  }
  return current[b.length] ?? 0;
};
