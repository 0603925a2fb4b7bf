import { dirname, resolve } from "node:path";
import { isLetheError } from "#lib/errors.ts";
import { levelsOf, type Levels } from "#lib/hierarchy-levels.ts";
import type { Mistake, Path, Places } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";
import { readText } from "#lib/read-text.ts";
import type { PolicyDocument, WrittenTransform } from "#policy/schema/document.ts";

/** Mapping files by their path as the policy writes it. */
export type HierarchyFiles = ReadonlyMap<string, Levels>;

/** A plan holds the whole map, and so does every batch: of a mapping of postal codes this is some 70,000. */
const largest = 1024 * 1024;

type Named = { readonly path: Path; readonly file: string; readonly level: string | number };

/** Where the policy generalises by a file, and which. */
const namedIn = ({ tables }: PolicyDocument): readonly Named[] =>
  Object.entries(tables).flatMap(([table, rule]) =>
    "columns" in rule
      ? Object.entries(rule.columns).flatMap(([column, transform]) => {
          const { file, level } = writtenFile(transform);
          const path = ["tables", table, "columns", column, "generalise"];
          return file === undefined || level === undefined ? [] : [{ path, file, level }];
        })
      : [],
  );

const writtenFile = (transform: WrittenTransform): { readonly file?: string; readonly level?: string | number } => {
  const { file, level } = (transform === "keep" ? undefined : transform.generalise) ?? {};
  return { ...(file !== undefined && { file }), ...(level !== undefined && { level }) };
};

/**
 * Reads each mapping file that the policy names, once; a path is from the policy's directory. What is wrong with one, or with the level that
 * is asked of it, is a mistake of the policy: where the file says it, or where the policy names it.
 */
export const readHierarchyFiles = async (
  policy: PolicyDocument,
  places: Places,
  policyFile: string,
): Promise<{ readonly files: HierarchyFiles; readonly mistakes: readonly Mistake[] }> => {
  const files = new Map<string, Levels>();
  const mistakes: Mistake[] = [];
  const unusable = new Set<string>();
  for (const { path, file } of namedIn(policy)) {
    if (files.has(file) || unusable.has(file)) continue;
    const place = places.valuePlaceOf([...path, "file"]);
    // oxlint-disable-next-line no-await-in-loop -- small files, and mistakes in the order of the document
    const read = await readLevels(resolve(dirname(policyFile), file));
    if ("levels" in read && read.mistakes.length === 0) files.set(file, read.levels);
    else unusable.add(file);
    mistakes.push(
      ...("levels" in read ? read.mistakes : [{ place, what: at(path, "file", read.what), hint: read.hint }]),
    );
  }
  return { files, mistakes: [...mistakes, ...levelMistakes(policy, places, files, unusable)] };
};

const at = (path: Path, key: string, what: string): string => `${[...path, key].join(".")}: ${what}`;

type Unreadable = { readonly what: string; readonly hint: string };

const readLevels = async (file: string): Promise<ReturnType<typeof levelsOf> | Unreadable> => {
  try {
    const text = await readText(file, {
      what: "mapping file",
      missing: "POLICY_INVALID",
      invalid: "POLICY_INVALID",
      hint: "a path is from the directory of the policy",
      largest,
    });
    return levelsOf(file, text);
  } catch (error) {
    if (!isLetheError(error)) throw error;
    return { what: error.message, hint: error.hint };
  }
};

/** Levels that the files do not have; and files that nobody has read. */
const levelMistakes = (
  policy: PolicyDocument,
  places: Places,
  files: HierarchyFiles,
  unusable: ReadonlySet<string>,
): readonly Mistake[] =>
  namedIn(policy).flatMap(({ path, file, level }): Mistake[] => {
    if (unusable.has(file)) return [];
    const names = files.get(file)?.names;
    if (names === undefined) throw new TypeError("every file that is named is read");
    if (levelAt(names, level) !== undefined) return [];
    const meant = typeof level === "string" ? nearest(level, names) : undefined;
    const hint =
      meant === undefined
        ? `name one of ${names.map((name, index) => `${index + 1} (${name})`).join(", ")}`
        : `did you mean \`${meant}\`?`;
    const what = at(path, "level", "the mapping file has no such level");
    return [{ place: places.valuePlaceOf([...path, "level"]), what, hint }];
  });

/** Counted from 0; undefined where there is no such level. By its name, where the header has it twice, by neither. */
const levelAt = (names: readonly string[], level: string | number): number | undefined => {
  if (typeof level === "number") return level <= names.length ? level - 1 : undefined;
  const first = names.indexOf(level);
  return first < 0 || first !== names.lastIndexOf(level) ? undefined : first;
};

/** What becomes of which value at a level of a file. */
export const mapAt = (files: HierarchyFiles, file: string, level: string | number): Record<string, string> => {
  const { names, groups } = files.get(file) ?? { names: [], groups: new Map<string, readonly string[]>() };
  const index = levelAt(names, level);
  if (index === undefined) throw new TypeError("levels are checked when the files are read");
  return Object.fromEntries([...groups].map(([value, levels]) => [value, levels[index] ?? ""]));
};
