import { units, type Steps, type Unit } from "#anonymity/search/hierarchy.ts";
import type { Mistake, Path, Places } from "#lib/mistakes.ts";

/** Each unit has to lie in one of the next: else a coarser level could tell two values apart that a finer one does not. */
export const timeMistakes = (written: readonly Unit[], path: Path, places: Places): readonly Mistake[] =>
  written.flatMap((unit, index): Mistake[] => {
    const before = written[index - 1];
    if (before === undefined) return [];
    const at = [...path, index];
    const mistake = (why: string, hint: string): Mistake[] => [
      { place: places.valuePlaceOf(at), what: `${at.join(".")}: ${why}`, hint },
    ];
    if (units.indexOf(unit) <= units.indexOf(before)) {
      return mistake(`not monotone: ${unit} is not coarser than ${before}`, "write the units from fine to coarse");
    }
    if (before !== "week") return [];
    return mistake(`not monotone: a week may lie in two of ${unit}`, `leave out week, or let it be the last`);
  });

type Bands = Extract<Steps, { kind: "bands" }>;

/** As whole numbers of the last decimal place that any of them has; undefined for what is no plain decimal, such as 1e21. */
const wholes = (decimals: readonly string[]): readonly bigint[] | undefined => {
  if (decimals.some((each) => !/^-?\d+(\.\d+)?$/.test(each))) return undefined;
  const places = Math.max(...decimals.map((each) => each.split(".")[1]?.length ?? 0));
  return decimals.map((each) => {
    const [whole = "", fraction = ""] = each.split(".");
    return BigInt(whole + fraction.padEnd(places, "0"));
  });
};

/** Bands lie in each other where every width is a multiple of the one before, as all begin at the same place. */
export const bandMistakes = ({ widths, from }: Bands, path: Path, places: Places): readonly Mistake[] => {
  const exact = wholes(widths);
  if (exact === undefined || wholes([from]) === undefined) {
    const at = exact === undefined ? "bands" : "from";
    const what = `${[...path, at].join(".")}: expected plain decimal numbers`;
    return [{ place: places.valuePlaceOf([...path, at]), what, hint: "write 0.5 or 20" }];
  }
  return exact.flatMap((width, index): Mistake[] => {
    const before = exact[index - 1];
    if (before === undefined || (width > before && width % before === 0n)) return [];
    const at = [...path, "bands", index];
    const what = `${at.join(".")}: not monotone: this width is no multiple of the one before`;
    return [{ place: places.valuePlaceOf(at), what, hint: "let each band hold whole bands of the level before" }];
  });
};
