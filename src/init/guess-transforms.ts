import type { CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import type { ColumnGuess } from "#init/guess-columns.ts";
import { wordsOf } from "#lib/words.ts";
import type { TreatmentGuess } from "#init/guess-treatments.ts";
import type { Transform } from "#policy/policy.ts";

/** A column's line in the draft; `note` is the comment that asks for review. */
export type ColumnDraft = { readonly name: string; readonly transform: Transform; readonly note: string | undefined };

const keep: Transform = { kind: "keep" };
const redact: Transform = { kind: "redact" };
const digits = 20;

/** What becomes of each column of an anonymised or retained table, within what type and constraints allow. */
export const guessTransforms = (
  table: CatalogTable,
  guess: TreatmentGuess,
  personal: ReadonlyMap<string, ColumnGuess>,
  isErased: (table: string) => boolean,
): ColumnDraft[] => {
  const keys = new Set(table.primaryKey);
  return table.columns.map((column): ColumnDraft => {
    const line = (transform: Transform, note?: string): ColumnDraft => ({ name: column.name, transform, note });
    const found = personal.get(column.name);
    if (column.generated) return line(keep, found && `${found.reason}; computed from other columns`);
    if (keys.has(column.name) || column.identity === "always") return line(keep);
    if (guess.treatment === "retain" && column.name === guess.clock) return line(keep);
    const references = table.foreignKeys.filter((key) => key.columns.includes(column.name));
    if (references.some((key) => isErased(key.references.table)))
      return line({ kind: "null" }, "refers to a row that is erased");
    if (guess.role === "event") return eventColumn(table, column, guess, references.length > 0, found);
    if (references.length > 0) return line(keep);
    if (found === undefined) return line(keep);
    const soft = found.kind === "free-text" || found.kind === "document";
    // A copy of a whole row holds more than identifiers: an address, a date of birth.
    const copies = guess.role === "history" && column.nullable;
    if (soft && guess.role !== "subject" && !copies && column.shape !== "other") return line(redact, found.reason);
    const [transform, problem] = removal(table, column, found);
    return line(transform, problem === undefined ? found.reason : `${found.reason}; ${problem}`);
  });
};

/** D2: no ids, no free text, time no finer than a day, place no finer than a region. */
const eventColumn = (
  table: CatalogTable,
  column: CatalogColumn,
  guess: TreatmentGuess,
  refers: boolean,
  found: ColumnGuess | undefined,
): ColumnDraft => {
  const { name } = column;
  if (column.type.startsWith("timestamp")) {
    return {
      name,
      transform: { kind: "truncate", to: "day" },
      note: name === guess.clock ? undefined : "no finer than a day",
    };
  }
  const identifies = refers || /(^|_)(id|ref|uid|uuid|key)$/.test(wordsOf(name).join("_"));
  if (!identifies && found === undefined && column.shape !== "json") return { name, transform: keep, note: undefined };
  const reason = found?.reason ?? (identifies ? "id by which events of a person are joined" : "structured text");
  if (refers && !column.nullable) return { name, transform: keep, note: `${reason}, but NOT NULL` };
  const [transform, problem] = removal(table, column, found ?? { kind: "session-id", reason });
  return { name, transform, note: problem === undefined ? reason : `${reason}; ${problem}` };
};

/** The strongest removal that the column's type and constraints allow, and what to look at when it is none. */
const removal = (
  table: CatalogTable,
  column: CatalogColumn,
  found: ColumnGuess,
): readonly [Transform, (string | undefined)?] => {
  if (column.nullable) return [{ kind: "null" }];
  const length = Number(/^character(?: varying)?\((\d+)\)$/.exec(column.type)?.[1] ?? Infinity);
  const checked = table.checks.some(({ columns }) => columns.includes(column.name))
    ? "a check constraint limits it"
    : undefined;
  const unique = table.unique.some(({ columns }) => columns.includes(column.name));
  if (column.shape === "json") return [redact, checked];
  if (/^(date|timestamp)/.test(column.type)) return [{ kind: "truncate", to: "year" }, checked ?? "NOT NULL"];
  if (column.type === "uuid") return [{ kind: "unique", template: "000000000000{random}" }, checked];
  if (column.type === "inet")
    return unique ? [keep, "UNIQUE and NOT NULL"] : [{ kind: "constant", value: "0.0.0.0" }, checked];
  if (column.shape !== "text") {
    const numeric = /^(smallint|integer|bigint|numeric|real|double)/.test(column.type) && !unique;
    return numeric
      ? [{ kind: "constant", value: 0 }, checked]
      : [keep, `NOT NULL, and ${column.type} has no neutral value`];
  }
  if (!unique && found.kind !== "email") return [{ kind: "constant", value: "erased".slice(0, length) }, checked];
  const template = templates(found).find((candidate) => candidate.length - "{random}".length + digits <= length);
  return template === undefined
    ? [keep, `${column.type} is too short for a value of its own`]
    : [{ kind: "unique", template }, checked];
};

const templates = ({ kind }: ColumnGuess): string[] =>
  kind === "email" ? ["erased-{random}@invalid", "{random}@invalid", "{random}"] : ["erased-{random}", "{random}"];
