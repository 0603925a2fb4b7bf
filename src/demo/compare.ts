import { table } from "#cli/table.ts";
import { cell } from "#demo/fate-words.ts";
import type { Fate, Fates } from "#demo/read-back.ts";
import type { NightShown } from "#demo/screen.ts";
import { outcomes } from "#records/treatment.ts";

const subjects: readonly (readonly [what: string, table: keyof Fates["tables"]])[] = [
  ["profile", "customers"],
  ["payment methods", "payment_methods"],
  ["addresses", "addresses"],
  ["subscriptions", "subscriptions"],
  ["benefits", "benefit_grants"],
  ["orders", "orders"],
  ["invoices", "invoices"],
  ["transactions", "payments"],
  ["credit notes", "credit_notes"],
  ["analytics", "analytics_events"],
];

/**
 * Nights side by side: what was found of the rows of those whose request was carried out, when the database was read again,
 * and where that is not enough to name it, what the stores' journals say.
 */
export const compared = (nights: readonly NightShown[]) =>
  nights.map((night) => {
    const { tables, backups } = fatesOf(night);
    return {
      policy: night.policy,
      outcomes: night.run.outcomes,
      blocked: night.run.requests.blocked,
      became: Object.fromEntries([
        ...subjects.map(([what, name]) => [what, cell(name, tables[name], night.effects)]),
        ["backups", ageOf(backups)],
      ]) as Readonly<Record<string, string>>,
      /** What these words are drawn from. */
      read: {
        ...Object.fromEntries(subjects.map(([what, name]): [string, Fate] => [what, tables[name]])),
        backups,
      },
      /** So many rows of those people at least hold personal data, on purpose. */
      rows: night.effects.stays.reduce((sum, { rows }) => sum + rows, 0),
    };
  });

export const compareScreen = (nights: readonly NightShown[]): string => {
  const all = compared(nights);
  const rows = [...subjects.map(([what]) => what), "backups"].map((what) => [
    what,
    ...all.map(({ became }) => became[what] ?? ""),
  ]);
  // Whatever a policy makes of people, a failure would be shown.
  const shown = outcomes.filter(
    (outcome) => outcome === "failed" || (outcome !== "blocked" && all.some((night) => night.outcomes[outcome] > 0)),
  );
  const counts = [
    ...shown.map((outcome) => [outcome, ...all.map((night) => night.outcomes[outcome])]),
    ["blocked", ...all.map(({ blocked }) => blocked)],
    ["rows with PII left", ...all.map((night) => night.rows)],
  ];
  const titles = [{ title: "what became of" }, ...all.map(({ policy }) => ({ title: policy }))];
  const numbers = [{ title: "requests" }, ...all.map(({ policy }) => ({ title: policy, align: "right" as const }))];
  return ["", table(rows, titles), "", ...legend(rows.flat()), "", table(counts, numbers)].join("\n");
};

const meanings: readonly (readonly [word: RegExp, text: string])[] = [
  [/^anonymised/, "anonymised: the rows are there, the person is not in them"],
  [/^retained/, "retained: likewise, for as long as a statute holds them"],
  [/^cancelled|^revoked/, "cancelled, revoked: ended with the deletion, and kept without the person"],
  [/^marked/, "marked: says inactive, is hidden, and all else is as it was"],
  [/\*$/, "* personal data stays, because the policy says so: lethe request show lists it"],
  [/†$/, "† all but what a living customer also uses"],
];

const legend = (cells: readonly string[]): string[] =>
  meanings.filter(([word]) => cells.some((text) => word.test(text))).map(([, text]) => text);

const ageOf = ({ youngest }: Fates["backups"]): string => (youngest === null ? "all kept" : `gone at ${youngest} days`);

const fatesOf = ({ fates }: NightShown): Fates => {
  if (fates === undefined) throw new TypeError("a night to be compared is read back");
  return fates;
};
