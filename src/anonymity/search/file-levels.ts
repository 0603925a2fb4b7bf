import { CsvError } from "csv-parse";
import { parse } from "csv-parse/sync";
import type { Steps } from "#anonymity/search/hierarchy.ts";
import type { Place } from "#lib/errors.ts";
import type { Mistake } from "#lib/mistakes.ts";
import { readText } from "#lib/read-text.ts";

type Parsed = { readonly record: readonly string[]; readonly line: number };

/**
 * A hierarchy as a CSV file (RFC 4180): a header, then in each line a value and its group at level 1, 2, …; comma, semicolon or tab,
 * whichever the header holds most of. Blanks count: a value is what the table holds.
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
  const none: Steps = { kind: "text", names: [], groups: new Map() };
  const parsed = parsedOf(text, file);
  if ("what" in parsed) return { steps: none, mistakes: [parsed] };
  const [header, ...lines] = parsed;
  const names = header?.record.slice(1) ?? [];
  if (names.length === 0 || lines.length === 0) {
    const what = "expected a header with the names of the levels, and a line for each value";
    return { steps: none, mistakes: [{ place: { file, line: 1 }, what, hint: "begin with `value;level1;level2`" }] };
  }
  const { groups, mistakes } = grouped(lines, names, file);
  return { steps: { kind: "text", names, groups }, mistakes };
};

const grouped = (lines: readonly Parsed[], names: readonly string[], file: string) => {
  const groups = new Map<string, readonly string[]>();
  const mistakes: Mistake[] = [];
  /** Of each level but the last: what its groups became where they came up first. */
  const next = names.slice(1).map(() => new Map<string, { readonly group: string; readonly line: number }>());
  for (const { record, line } of lines) {
    const place: Place = { file, line };
    const [value = "", ...levels] = record;
    if (levels.length !== names.length || levels.includes("")) {
      const what = `expected a value and its group at ${names.length === 1 ? "one level" : `each of ${names.length} levels`}`;
      mistakes.push({ place, what, hint: "fill every cell, and put a cell with a separator into quotation marks" });
      continue;
    }
    if (groups.has(value)) {
      mistakes.push({ place, what: "this value stands in the file twice", hint: "keep one of the lines" });
      continue;
    }
    groups.set(value, levels);
    for (const [index, seen] of next.entries()) {
      const [from, to] = [levels[index] ?? "", levels[index + 1] ?? ""];
      const first = seen.get(from);
      if (first === undefined) seen.set(from, { group: to, line });
      if (first === undefined || first.group === to) continue;
      const what = `not monotone: the same group of \`${names[index] ?? ""}\` is in another group of \`${names[index + 1] ?? ""}\` in line ${first.line}`;
      mistakes.push({ place, what, hint: "each level has to follow from the one before" });
    }
  }
  return { groups, mistakes };
};

const parsedOf = (text: string, file: string): readonly Parsed[] | Mistake => {
  const head = text.split(/[\r\n]/, 1)[0] ?? "";
  const count = (delimiter: string): number => head.split(delimiter).length;
  const delimiter = [";", ",", "\t"].reduce((best, each) => (count(each) > count(best) ? each : best));
  let last = 0;
  try {
    const records = parse(text, {
      delimiter,
      info: true,
      // People look for a mistake where its record begins; the parser notices where it ends.
      on_record: (record: unknown, { lines }) => {
        last = lines;
        return record as string[];
      },
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as readonly { readonly record: readonly string[]; readonly info: { readonly lines: number } }[];
    return records.map(({ record, info }) => ({ record, line: info.lines - breaksIn(record) }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const what = "a quotation mark is not where CSV allows one, or is never closed";
    const hint = "put the whole cell into quotation marks and double those inside it (RFC 4180)";
    return { place: { file, line: last + 1 }, what, hint };
  }
};

const breaksIn = (cells: readonly string[]): number =>
  cells.reduce((sum, cell) => sum + cell.split("\n").length - 1, 0);
