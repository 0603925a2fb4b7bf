import type { Catalog } from "#catalog/catalog.ts";
import { guessAnalytics } from "#init/guess-analytics.ts";
import { guessBlockers, type BlockerGuess } from "#init/guess-blockers.ts";
import { guessColumns, type ColumnGuess, type Samples } from "#init/guess-columns.ts";
import { guessLinks, type LinkGuess } from "#init/guess-links.ts";
import { reachedFrom } from "#init/guess-reach.ts";
import { guessSubject, type SubjectGuess } from "#init/guess-subject.ts";
import { guessTransforms, type ColumnDraft } from "#init/guess-transforms.ts";
import { guessTreatments, type TreatmentGuess } from "#init/guess-treatments.ts";
import type { Law } from "#policy/law.ts";
import type { Analytics, SubjectRoot } from "#policy/policy.ts";

export type TableDraft = {
  readonly name: string;
  readonly guess: TreatmentGuess;
  /** Empty for erase and keep. */
  readonly columns: readonly ColumnDraft[];
  readonly analytics: Analytics | undefined;
};

/** A drafted policy before it is written out: every table once, every guess with its reason. */
export type PolicyDraft = {
  readonly name: string;
  readonly database: string;
  readonly country: string;
  /** ISO date. */
  readonly today: string;
  readonly subject: SubjectRoot;
  readonly subjectReason: string;
  readonly links: readonly LinkGuess[];
  readonly statute: Law | undefined;
  readonly tables: readonly TableDraft[];
  readonly views: readonly string[];
  readonly blockers: readonly BlockerGuess[];
};

export type DraftOptions = Pick<PolicyDraft, "name" | "database" | "country" | "today" | "statute"> & {
  readonly catalog: Catalog;
  readonly samples: Samples;
  /** The subject's table, when the user named it. */
  readonly subjectTable: string | undefined;
};

/** Guesses a whole policy from a schema and samples of its values. Pure. Throws what `guessSubject` throws. */
export const draftPolicy = (options: DraftOptions): PolicyDraft => {
  const { catalog, samples, country } = options;
  const guesses = guessColumns(catalog, samples, country);
  const subject = guessSubject(catalog, guesses, options.subjectTable);
  const root = subject.table.name;
  const links = guessLinks(catalog, guesses, subject);
  const reached = reachedFrom(catalog, root, links);
  const treatments = guessTreatments(catalog, guesses, root, reached);
  const isErased = (table: string): boolean => treatments.get(table)?.treatment === "erase";
  const tables = [...treatments].map(([name, guess]): TableDraft => {
    const table = catalog.tables.get(name);
    if (table === undefined || guess.treatment === "erase" || guess.treatment === "keep") {
      return { name, guess, columns: [], analytics: undefined };
    }
    const columns = guessTransforms(table, guess, guesses.get(name) ?? new Map<string, ColumnGuess>(), isErased);
    return {
      name,
      guess,
      columns,
      analytics: guess.role === "event" ? guessAnalytics(table, columns, guess.clock) : undefined,
    };
  });
  return {
    name: options.name,
    database: options.database,
    country,
    today: options.today,
    subject: subjectRoot(subject, guesses.get(root) ?? new Map<string, ColumnGuess>(), tables),
    subjectReason: subject.reason,
    links,
    statute: options.statute,
    tables,
    views: [...catalog.tables.values()]
      .filter(({ kind }) => kind === "view" || kind === "materialised-view")
      .map(({ name }) => name),
    blockers: guessBlockers(catalog, samples, reached.owned, root),
  };
};

/** Only columns that the draft removes can serve as identifiers: what stays would be found again. */
const subjectRoot = (
  { table, key }: SubjectGuess,
  guesses: ReadonlyMap<string, ColumnGuess>,
  tables: readonly TableDraft[],
): SubjectRoot => {
  const removed = new Set(
    tables
      .find(({ name }) => name === table.name)
      ?.columns.filter(({ transform }) => transform.kind !== "keep")
      .map(({ name }) => name),
  );
  const columnsOf = (kind: ColumnGuess["kind"]): string[] =>
    [...guesses].filter(([column, guess]) => guess.kind === kind && removed.has(column)).map(([column]) => column);
  const [email] = columnsOf("email");
  const phone = columnsOf("phone").find((column) => !/fax/i.test(column));
  const [externalId] = columnsOf("external-id");
  const [deviceId] = columnsOf("device-id");
  return {
    table: table.name,
    key,
    identifiers: {
      ...(email === undefined ? {} : { email }),
      ...(phone === undefined ? {} : { phone }),
      ...(externalId === undefined ? {} : { external_id: externalId }),
      ...(deviceId === undefined ? {} : { device_id: deviceId }),
    },
    names: columnsOf("name"),
  };
};
