import type { Steps } from "#anonymity/search/hierarchy.ts";
import type { Mistake, Path, Places } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";

type Maps = readonly Readonly<Record<string, string>>[];

/**
 * Maps that are applied one after the other. As each takes the groups of the one before, a level is a function of the level before by
 * itself; what can be wrong is that a map misses a group, or speaks of one that there is not. Values are not quoted: the table holds them.
 */
export const mapSteps = (
  maps: Maps,
  path: Path,
  places: Places,
): { readonly steps: Steps; readonly mistakes: readonly Mistake[] } => {
  const mistakes: Mistake[] = [];
  const [first = {}, ...rest] = maps;
  let groups = new Map(Object.entries(first).map(([value, group]) => [value, [group]]));
  for (const [index, map] of rest.entries()) {
    mistakes.push(...gaps(maps[index] ?? {}, map, [path, index], places));
    groups = new Map([...groups].map(([value, before]) => [value, [...before, map[before.at(-1) ?? ""] ?? ""]]));
  }
  const names = maps.map((_, index) => `level ${index + 1}`);
  return { steps: { kind: "text", names, groups }, mistakes };
};

type Level = Maps[number];

const gaps = (before: Level, map: Level, [path, index]: readonly [Path, number], places: Places): Mistake[] => {
  const mistakes: Mistake[] = [];
  const known = new Set<string>();
  for (const [value, group] of Object.entries(before)) {
    if (known.has(group)) continue;
    known.add(group);
    if (Object.hasOwn(map, group)) continue;
    mistakes.push({
      place: places.valuePlaceOf([...path, index, value]),
      what: `${[...path, index].join(".")}: the next level does not say what becomes of this group`,
      hint: "give it a group in the next map, or the same again",
    });
  }
  for (const group of Object.keys(map)) {
    if (known.has(group)) continue;
    const meant = nearest(group, known);
    mistakes.push({
      place: places.placeOf([...path, index + 1, group]),
      what: `${[...path, index + 1].join(".")}: the level before has no such group`,
      hint: meant === undefined ? "leave it out" : `did you mean \`${meant}\`?`,
    });
  }
  return mistakes;
};
