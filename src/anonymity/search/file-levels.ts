import type { Steps } from "#anonymity/search/hierarchy.ts";
import { levelsOf } from "#lib/hierarchy-levels.ts";
import type { Mistake } from "#lib/mistakes.ts";
import { readText } from "#lib/read-text.ts";

/**
 * A hierarchy as a CSV file, see `levelsOf`.
 *
 * Throws `HIERARCHIES_MISSING`, or `HIERARCHIES_INVALID` where it is no text; everything else is a mistake with the line of the file.
 */
export const fileSteps = async (
  file: string,
): Promise<{ readonly steps: Steps; readonly mistakes: readonly Mistake[] }> => {
  const text = await readText(file, {
    what: "file of a hierarchy",
    missing: "HIERARCHIES_MISSING",
    invalid: "HIERARCHIES_INVALID",
    hint: "a path is from the directory of the file that names it",
  });
  const { levels, mistakes } = levelsOf(file, text);
  return { steps: { kind: "text", ...levels }, mistakes };
};
