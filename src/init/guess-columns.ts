import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { kindByName, type PersonalKind } from "#init/guess-kind.ts";
import { wordsOf } from "#lib/words.ts";
import { kindByValues, type Sample } from "#init/guess-values.ts";

/** What a column seems to hold, and by which sign; never a value. */
export type ColumnGuess = { readonly kind: PersonalKind; readonly reason: string };
/** By table, then by column. Columns that seem to hold nothing personal are absent. */
export type ColumnGuesses = ReadonlyMap<string, ReadonlyMap<string, ColumnGuess>>;
export type Samples = ReadonlyMap<string, ReadonlyMap<string, Sample>>;

const people =
  /^(customer|user|account|member|client|person|people|patient|subscriber|contact|employee|staff|guest|passenger|tenant|student|applicant|profile|donor|visitor|lead|app_user|end_user)s?$/;

/** Whether a table's name says that its rows are people. */
export const namesPeople = (table: CatalogTable): boolean => people.test(wordsOf(table.relation).join("_"));

export const guessColumns = (catalog: Catalog, samples: Samples, country: string): ColumnGuesses =>
  new Map(
    [...catalog.tables.values()].map((table) => [table.name, guessTable(table, samples.get(table.name), country)]),
  );

const guessTable = (
  table: CatalogTable,
  samples: ReadonlyMap<string, Sample> | undefined,
  country: string,
): ReadonlyMap<string, ColumnGuess> => {
  const guesses = new Map<string, ColumnGuess>();
  const keys = new Set([...table.primaryKey, ...table.foreignKeys.flatMap((key) => key.columns)]);
  for (const column of table.columns) {
    if (keys.has(column.name)) continue;
    const byName = kindByName(column, namesPeople(table));
    if (byName !== undefined) {
      guesses.set(column.name, { kind: byName, reason: `${words[byName]}, by its name` });
      continue;
    }
    const byValues = column.shape === "text" ? kindByValues(samples?.get(column.name) ?? [], country) : undefined;
    if (byValues !== undefined)
      guesses.set(column.name, { kind: byValues, reason: `${words[byValues]}, by its values` });
  }
  guessRegion(table, guesses);
  return guesses;
};

/** `state` is a place beside a city, and the state of a machine elsewhere. */
const guessRegion = (table: CatalogTable, guesses: Map<string, ColumnGuess>): void => {
  if (![...guesses.values()].some(({ kind }) => kind === "city" || kind === "postcode")) return;
  for (const column of table.columns) {
    const name = wordsOf(column.name).join("_");
    if (
      column.shape !== "text" ||
      guesses.has(column.name) ||
      !/(^|_)(state|province|county|region|district)$/.test(name)
    )
      continue;
    guesses.set(column.name, { kind: "region", reason: "part of an address, beside a city" });
  }
};

const words: Readonly<Record<PersonalKind, string>> = {
  email: "e-mail address",
  phone: "telephone number",
  name: "name of a person",
  company: "name of a company, which may be a person's",
  street: "street address",
  postcode: "postal code",
  city: "city",
  region: "region",
  "birth-date": "date of birth",
  gender: "gender",
  ip: "IP address",
  "user-agent": "user agent",
  "device-id": "device id",
  "session-id": "session id",
  "external-id": "id by which other systems know the person",
  bank: "number of an account, card or document",
  secret: "secret or token",
  url: "address on the web, which may name a person",
  "free-text": "free text",
  document: "structured text",
};
