import { CsvError } from "csv-parse";
import { parse } from "csv-parse/sync";
import type { Place } from "#lib/errors.ts";
import type { Mistake } from "#lib/mistakes.ts";

/** Of each value its group at level 1, 2, …, and what the header calls those levels. */
export type Levels = {
  readonly names: readonly string[];
  readonly groups: ReadonlyMap<string, readonly string[]>;
};

/** `offsets`: where in its line each cell begins, as far as the record is on one line. */
type Parsed = { readonly record: readonly string[]; readonly line: number; readonly offsets: readonly number[] };

/**
 * A hierarchy as CSV (RFC 4180): a header, then in each line a value and its group at level 1, 2, …; comma, semicolon or tab, whichever
 * the header holds most of. Blanks count: a value is what the table holds. Mistakes come with the line, and the column of the cell;
 * values are not quoted, since the table holds them.
 */
export const levelsOf = (
  file: string,
  text: string,
): { readonly levels: Levels; readonly mistakes: readonly Mistake[] } => {
  const none: Levels = { names: [], groups: new Map() };
  const parsed = parsedOf(text, file);
  if ("what" in parsed) return { levels: none, mistakes: [parsed] };
  const [header, ...lines] = parsed;
  const names = header?.record.slice(1) ?? [];
  if (names.length === 0 || lines.length === 0) {
    const what = "expected a header with the names of the levels, and a line for each value";
    const place = { file, line: 1, column: 1 };
    return { levels: none, mistakes: [{ place, what, hint: "begin with `value;level1;level2`" }] };
  }
  const { groups, mistakes } = grouped(lines, names, file);
  return { levels: { names, groups }, mistakes };
};

const grouped = (lines: readonly Parsed[], names: readonly string[], file: string) => {
  const groups = new Map<string, readonly string[]>();
  const mistakes: Mistake[] = [];
  /** Of each level but the last: what its groups became where they came up first. */
  const next = names.slice(1).map(() => new Map<string, { readonly group: string; readonly line: number }>());
  for (const { record, line, offsets } of lines) {
    const at = (cell: number): Place => ({ file, line, column: (offsets[cell] ?? 0) + 1 });
    const [value = "", ...levels] = record;
    if (levels.length !== names.length || levels.includes("")) {
      const what = `expected a value and its group at ${names.length === 1 ? "one level" : `each of ${names.length} levels`}`;
      mistakes.push({
        place: at(levels.indexOf("") + 1),
        what,
        hint: "fill every cell, and put a cell with a separator into quotation marks",
      });
      continue;
    }
    if (record.some((cell) => cell.includes("\0"))) {
      mistakes.push({ place: at(0), what: "a cell holds NUL, which no text of PostgreSQL can", hint: "take it out" });
      continue;
    }
    if (groups.has(value)) {
      mistakes.push({ place: at(0), what: "this value stands in the file twice", hint: "keep one of the lines" });
      continue;
    }
    groups.set(value, levels);
    for (const [index, seen] of next.entries()) {
      const [from, to] = [levels[index] ?? "", levels[index + 1] ?? ""];
      const first = seen.get(from);
      if (first === undefined) seen.set(from, { group: to, line });
      if (first === undefined || first.group === to) continue;
      const what = `not monotone: the same group of \`${names[index] ?? ""}\` is in another group of \`${names[index + 1] ?? ""}\` in line ${first.line}`;
      mistakes.push({ place: at(index + 2), what, hint: "each level has to follow from the one before" });
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
      raw: true,
      // People look for a mistake where its record begins; the parser notices where it ends.
      on_record: (found: unknown, { lines }) => {
        last = lines;
        return found as string[];
      },
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as readonly {
      readonly record: readonly string[];
      readonly raw: string;
      readonly info: { readonly lines: number };
    }[];
    return records.map(({ record, raw, info }) => ({
      record,
      line: info.lines - breaksIn(record),
      offsets: offsetsIn(raw, delimiter),
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const what = "a quotation mark is not where CSV allows one, or is never closed";
    const hint = "put the whole cell into quotation marks and double those inside it (RFC 4180)";
    return { place: { file, line: last + 1, column: 1 }, what, hint };
  }
};

const breaksIn = (cells: readonly string[]): number =>
  cells.reduce((sum, cell) => sum + cell.split("\n").length - 1, 0);

/** Of a record that spans lines, the cells of its first line: the others are looked for where it begins. */
const offsetsIn = (raw: string, delimiter: string): readonly number[] => {
  const offsets = [0];
  let quoted = false;
  for (const [index, character] of (raw.split("\n", 1)[0] ?? "").split("").entries()) {
    if (character === '"') quoted = !quoted;
    if (character === delimiter && !quoted) offsets.push(index + 1);
  }
  return offsets;
};
