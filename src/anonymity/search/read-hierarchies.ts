import { dirname, resolve } from "node:path";
import { bandMistakes, timeMistakes } from "#anonymity/search/monotone.ts";
import { fileSteps } from "#anonymity/search/file-levels.ts";
import { topOf, type Hierarchy, type Steps } from "#anonymity/search/hierarchy.ts";
import { hierarchiesSchema, type WrittenHierarchy } from "#anonymity/search/schema.ts";
import { mapSteps } from "#anonymity/search/text-levels.ts";
import type { Place } from "#lib/errors.ts";
import { refuseMistakes, type Mistake, type Path, type Places } from "#lib/mistakes.ts";
import { readText } from "#lib/read-text.ts";
import { readYaml } from "#lib/yaml-document.ts";

export type Hierarchies = {
  /** The quasi-identifiers, in the order of the file. */
  readonly hierarchies: readonly Hierarchy[];
  /** Where the file says something of a column. */
  readonly placeOf: (column: string) => Place;
};

const code = "HIERARCHIES_INVALID";
export const hierarchiesHint = "mend the hierarchies; nothing was searched";

/**
 * Reads a file of hierarchies. Throws `HIERARCHIES_MISSING`, or one `HIERARCHIES_INVALID` that lists every mistake with file, line and
 * column: syntax first, then wrong values, then levels that do not follow from the one before.
 */
export const readHierarchies = async (file: string): Promise<Hierarchies> => {
  const text = await readText(file, {
    what: "file of hierarchies",
    missing: "HIERARCHIES_MISSING",
    invalid: code,
    hint: "name it with --hierarchies",
  });
  const options = { file, text, schema: hierarchiesSchema, code, hint: hierarchiesHint, exactNumbers: true } as const;
  const document = readYaml(options);
  const mistakes: Mistake[] = [];
  const hierarchies: Hierarchy[] = [];
  for (const [column, written] of Object.entries(document.value.hierarchies)) {
    const path = ["hierarchies", column];
    // oxlint-disable-next-line no-await-in-loop -- small files, and mistakes in the order of the document
    const read = await stepsOf(written, path, document, dirname(file));
    const top = topOf(read);
    const { most = top } = written;
    mistakes.push(...read.mistakes);
    hierarchies.push({ column, steps: read.steps, most });
    if (most > top && read.mistakes.length === 0) {
      const what = `${path.join(".")}.most: there are only the levels 0 to ${top}, and ${top} is one value for all`;
      mistakes.push({ place: document.valuePlaceOf([...path, "most"]), what });
    }
  }
  refuseMistakes(code, mistakes, hierarchiesHint);
  return { hierarchies, placeOf: (column) => document.placeOf(["hierarchies", column]) };
};

type Read = { readonly steps: Steps; readonly mistakes: readonly Mistake[] };

const stepsOf = async (written: WrittenHierarchy, path: Path, places: Places, directory: string): Promise<Read> => {
  const { time, bands, from = 0, levels, file } = written;
  if (time !== undefined) {
    return { steps: { kind: "time", units: time }, mistakes: timeMistakes(time, [...path, "time"], places) };
  }
  if (bands !== undefined) {
    const steps: Steps = { kind: "bands", widths: bands.map(String), from: String(from) };
    return { steps, mistakes: bandMistakes(steps, path, places) };
  }
  if (levels !== undefined) return mapSteps(levels, [...path, "levels"], places);
  if (file === undefined) throw new TypeError("the schema asks for one of the kinds");
  return fileSteps(resolve(directory, file));
};
