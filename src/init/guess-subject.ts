import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { namesPeople, type ColumnGuesses } from "#init/guess-columns.ts";
import { wordsOf } from "#lib/words.ts";
import { LetheError } from "#lib/errors.ts";
import { nearest } from "#lib/nearest.ts";

export type SubjectGuess = { readonly table: CatalogTable; readonly key: string; readonly reason: string };

const staff = /^(employee|staff|agent|admin|operator)/;

/**
 * The table whose rows are the data subjects: named like people, with an e-mail address, referred to by most foreign keys.
 * Throws `USAGE` when no table is likely or `override` does not exist, `STORE_UNSUPPORTED` when it has no simple key.
 */
export const guessSubject = (catalog: Catalog, guesses: ColumnGuesses, override: string | undefined): SubjectGuess => {
  const tables = [...catalog.tables.values()].filter(({ kind }) => kind === "table" || kind === "partitioned");
  if (override !== undefined) {
    const table = tables.find(({ name }) => name === override);
    if (table !== undefined) return withKey(table, "named by --subject");
    const meant = nearest(override, catalog.tables.keys());
    throw new LetheError("USAGE", `the database has no table ${override}`, {
      hint:
        meant === undefined ? "name the table of the data subjects with --subject" : `did you mean --subject ${meant}?`,
    });
  }
  const referring = (target: CatalogTable): number =>
    tables.filter((table) => table !== target && table.foreignKeys.some((key) => key.references.table === target.name))
      .length;
  const scored = tables
    .map((table) => {
      const kinds = [...(guesses.get(table.name)?.values() ?? [])].map(({ kind }) => kind);
      const email = kinds.includes("email");
      const named = namesPeople(table);
      const score =
        (named ? 10 : 0) +
        (email ? 8 : 0) +
        (kinds.includes("name") ? 3 : 0) +
        Math.min(referring(table), 9) -
        (staff.test(wordsOf(table.relation).join("_")) ? 9 : 0);
      return { table, score, email, named, likely: email && (named || kinds.includes("name")) };
    })
    .filter(({ likely, named }) => likely || named)
    .toSorted((a, b) => b.score - a.score || (a.table.name < b.table.name ? -1 : 1));
  const [best] = scored;
  if (best === undefined) {
    throw new LetheError("USAGE", "no table looks like the table of the data subjects", {
      hint: "name it with --subject TABLE",
    });
  }
  const references = referring(best.table);
  const signs = [
    best.named ? "its name" : "",
    best.email ? "an e-mail address" : "",
    references === 0 ? "" : `${references} ${references === 1 ? "table that refers" : "tables that refer"} to it`,
  ];
  return withKey(best.table, `chosen for ${signs.filter((sign) => sign !== "").join(", ")}`);
};

const withKey = (table: CatalogTable, reason: string): SubjectGuess => {
  const [key, ...others] = table.primaryKey;
  if (key !== undefined && others.length === 0) return { table, key, reason };
  throw new LetheError("STORE_UNSUPPORTED", `table ${table.name} has no primary key of one column`, {
    hint: "name another table with --subject, or give this one a key by which other rows can refer to a person",
  });
};
