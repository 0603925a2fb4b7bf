import type { Catalog } from "#catalog/catalog.ts";
import type { Samples } from "#init/guess-columns.ts";
import { wordsOf } from "#lib/words.ts";
import { singular } from "#init/guess-links.ts";

export type BlockerGuess = {
  readonly code: string;
  readonly table: string;
  readonly column: string;
  readonly values: readonly string[];
  readonly hint: string;
};

// Only words of this list can reach the file: a sample is never written out.
const kinds = [
  {
    table: /(^|_)(subscription|membership|contract)s?$/,
    states: ["active", "trialing", "past_due", "paused"],
    word: "ACTIVE",
    advice: "cancel",
  },
  {
    table: /(^|_)(order|transaction|payment)s?$/,
    states: ["pending", "processing", "open", "draft"],
    word: "PENDING",
    advice: "finish or cancel",
  },
  {
    table: /(^|_)(device|asset|rental|loan)s?$/,
    states: ["rented_out", "rented", "lent", "borrowed"],
    word: "OPEN",
    advice: "take back",
  },
] as const;

/** Live relations with the subject that a person should end first: by the table's name and the states it holds. */
export const guessBlockers = (
  catalog: Catalog,
  samples: Samples,
  owned: ReadonlySet<string>,
  root: string,
): BlockerGuess[] =>
  [...owned].flatMap((name): BlockerGuess[] => {
    const table = catalog.tables.get(name);
    const status = table?.columns.find((column) => /^(status|state)$/.test(column.name));
    const kind = kinds.find((candidate) => candidate.table.test(wordsOf(table?.relation ?? "").join("_")));
    if (table === undefined || status === undefined || kind === undefined) return [];
    const seen = new Set(samples.get(name)?.get(status.name) ?? []);
    const allowed = table.checks
      .filter(({ columns }) => columns.includes(status.name))
      .map(({ expression }) => expression);
    const values = kind.states.filter(
      (state) => seen.has(state) || allowed.some((text) => text.includes(`'${state}'`)),
    );
    if (values.length === 0) return [];
    const words = (text: string): string => wordsOf(text).join("_").toUpperCase();
    const subject = words(singular(catalog.tables.get(root)?.relation ?? root));
    const code = `${subject}_HAS_${kind.word}_${words(table.relation)}`;
    const hint = `${kind.advice} the rows of ${name} that are ${values.join(", ")}, then run again`;
    return [{ code: /^[A-Z]/.test(code) ? code : `A_${code}`, table: name, column: status.name, values, hint }];
  });
