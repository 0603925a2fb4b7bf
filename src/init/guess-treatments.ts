import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { namesPeople, type ColumnGuesses } from "#init/guess-columns.ts";
import { wordsOf } from "#lib/words.ts";
import type { Reached } from "#init/guess-reach.ts";
import type { Treatment } from "#records/treatment.ts";

/** What a table is to an eraser; decides how its columns are treated. */
export type Role = "subject" | "transaction" | "event" | "history" | "other";

export type TreatmentGuess = {
  readonly treatment: Treatment;
  readonly role: Role;
  /** Why: a comment in the draft; for `keep`, the policy's `reason`. */
  readonly reason: string;
  /** For keep: what makes the guess doubtful. */
  readonly note?: string | undefined;
  /** For retain: the column from which the period counts. */
  readonly clock: string | undefined;
};

const transaction =
  /(^|_)(invoice|payment|order|credit_?note|debit_?note|transaction|refund|receipt|charge|payout|bill|purchase|sale|ledger|voucher|chargeback|settlement)s?(_|$)/;
const notTransaction = /(^|_)(payment_(method|source|instrument|token)|invoice_address|order_status)(e?s)?($|_)/;
const disposable =
  /(^|_)(session|token|address|payment_(method|source|instrument)|cart|basket|wish_?list|password_reset|otp|api_key|login|remember|push_subscription|preference|notification|favou?rite|saved_card)(e?s)?$/;
const event =
  /(^|_)(events?|analytics|page_?views?|clicks?|tracking|impressions?|visits?|metrics?|telemetry|usage)(_|$)/;
const history = /(^|_)(audit|history|histories|log|logs|changes|versions|archive)(_|$)/;

/** Treatments by name and shape, then made to agree along the foreign keys. */
export const guessTreatments = (
  catalog: Catalog,
  guesses: ColumnGuesses,
  root: string,
  reached: Reached,
): ReadonlyMap<string, TreatmentGuess> => {
  const tables = [...catalog.tables.values()].filter(({ kind }) => kind === "table" || kind === "partitioned");
  const draft = new Map(tables.map((table) => [table.name, guessOne(table, guesses, root, reached)]));
  // Rows of tables that nobody owns are others' rows: they spare what they use.
  reconcile(
    tables.filter(({ name }) => reached.owned.has(name)),
    draft,
  );
  return draft;
};

const keep = (reason: string, note: string | undefined): TreatmentGuess => ({
  treatment: "keep",
  role: "other",
  reason,
  note,
  clock: undefined,
});

const guessOne = (table: CatalogTable, guesses: ColumnGuesses, root: string, reached: Reached): TreatmentGuess => {
  const personal = [...(guesses.get(table.name)?.keys() ?? [])];
  const name = wordsOf(table.relation).join("_");
  const clock = clockOf(table);
  if (table.name === root) {
    return {
      treatment: "anonymise",
      role: "subject",
      reason: "the subject's own row stays without the person: other rows refer to it",
      clock,
    };
  }
  if (reached.owned.has(table.name)) return guessOwned(name, personal, clock);
  const suspicious = personal.length === 0 ? undefined : `looks personal: ${personal.join(", ")}`;
  if (reached.referred.has(table.name)) {
    if (/address/.test(name)) {
      return { treatment: "erase", role: "other", reason: "an address that the subject's rows refer to", clock };
    }
    if (namesPeople(table)) return keep("other people than the subject", suspicious);
    return keep("shared by many subjects and names none of them", suspicious);
  }
  if (suspicious === undefined) return keep("no personal data and not connected to a subject", undefined);
  return namesPeople(table)
    ? keep("other people than the subject", suspicious)
    : keep("not connected to a subject", `${suspicious}; declare a link if rows belong to a subject`);
};

const guessOwned = (name: string, personal: readonly string[], clock: string | undefined): TreatmentGuess => {
  if (disposable.test(name)) return { treatment: "erase", role: "other", reason: "serves the person only", clock };
  if (event.test(name))
    return { treatment: "anonymise", role: "event", reason: "events count without the person", clock };
  if (history.test(name))
    return { treatment: "anonymise", role: "history", reason: "history holds copies of other rows", clock };
  if (transaction.test(name) && !notTransaction.test(name)) {
    if (clock !== undefined)
      return { treatment: "retain", role: "transaction", reason: "a transaction record, by its name", clock };
    if (personal.length === 0) return keep("part of a transaction record without personal data", undefined);
    return {
      treatment: "anonymise",
      role: "transaction",
      reason: "a transaction record without a date from which a period could count",
      clock,
    };
  }
  return {
    treatment: "anonymise",
    role: "other",
    reason: "rows belong to a subject; erase them if nobody needs them",
    clock,
  };
};

/**
 * A row that stays must not refer to one that goes. Where it does through a NOT NULL column, rows that nobody must keep
 * go as well; otherwise the target is anonymised instead of erased.
 */
const reconcile = (tables: readonly CatalogTable[], draft: Map<string, TreatmentGuess>): void => {
  for (let changed = true; changed;) {
    changed = false;
    for (const table of tables) {
      for (const key of table.foreignKeys) {
        const [own, target] = [draft.get(table.name), draft.get(key.references.table)];
        if (own === undefined || target === undefined) continue;
        if (target.treatment !== "erase" || own.treatment === "erase" || key.references.table === table.name) continue;
        const nullable = key.columns.every((name) => table.columns.find((column) => column.name === name)?.nullable);
        if (nullable && own.treatment !== "keep") continue;
        if (own.treatment === "anonymise" && own.role === "other") {
          draft.set(table.name, {
            ...own,
            treatment: "erase",
            reason: `goes with the rows of ${key.references.table} that it refers to`,
          });
        } else {
          draft.set(key.references.table, {
            ...target,
            treatment: "anonymise",
            reason: `${table.name} refers to it and stays`,
          });
        }
        changed = true;
      }
    }
  }
};

const clockWords = [
  /^(issued|invoiced?|billed|booked|ordered|placed|paid|purchased|occurred|posted|settled|charged|transacted|refunded)(_?(on|at|date|time|day))?$/,
  /(issue|invoice|billing|booking|order|payment|transaction|purchase|posting|document|value)_?(date|time|day|at|on)$/,
  /^(date|time|timestamp|ts|occurred|happened|event_time|event_date)(_?(on|at))?$/,
  /^(created|inserted|recorded|logged|sent|started|opened)(_?(on|at|date|time))?$/,
  /(_on|_at|_date|_time)$/,
];

/** The date or timestamp that says when the row's event was: by its name, NOT NULL before nullable, then the first one. */
const clockOf = (table: CatalogTable): string | undefined => {
  const dates = table.columns.filter(({ type, generated }) => !generated && /^(date|timestamp)/.test(type));
  const rank = ({ name, nullable }: (typeof dates)[number]): number => {
    const found = clockWords.findIndex((pattern) => pattern.test(wordsOf(name).join("_")));
    return (found === -1 ? clockWords.length : found) * 2 + (nullable ? 1 : 0);
  };
  return dates.toSorted((a, b) => rank(a) - rank(b))[0]?.name;
};
