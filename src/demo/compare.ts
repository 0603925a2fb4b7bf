import { table } from "#cli/table.ts";
import type { Remedies, Step } from "#demo/effects.ts";
import type { NightShown } from "#demo/screen.ts";

const subjects: readonly (readonly [what: string, table: string])[] = [
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

/** Five nights side by side: what the stores' journals say became of the records of those whose request was carried out. */
export const compared = (nights: readonly NightShown[]) =>
  nights.map((night) => ({
    policy: night.policy,
    outcomes: night.run.outcomes,
    blocked: night.run.requests.blocked,
    became: Object.fromEntries([
      ...subjects.map(([what, name]) => [what, cell(night, name)]),
      ["backups", backups(night)],
    ]),
    /** Rows of those people that still hold personal data, on purpose. */
    rows: night.effects.stays.reduce((sum, { rows }) => sum + rows, 0),
  }));

export const compareScreen = (nights: readonly NightShown[]): string => {
  const all = compared(nights);
  const rows = [...subjects.map(([what]) => what), "backups"].map((what) => [
    what,
    ...all.map(({ became }) => became[what] ?? ""),
  ]);
  const outcomes = ["erased", "anonymised", "retained", "archived_with_pii"] as const;
  const counts = outcomes.map((outcome) => [outcome, ...all.map((night) => night.outcomes[outcome])]);
  const sums = [
    ["blocked", ...all.map(({ blocked }) => blocked)],
    ["rows with PII left", ...all.map((night) => night.rows)],
  ];
  const titles = [{ title: "what became of" }, ...all.map(({ policy }) => ({ title: policy }))];
  const numbers = [{ title: "requests" }, ...all.map(({ policy }) => ({ title: policy, align: "right" as const }))];
  return [
    "",
    table(rows, titles),
    "",
    "* personal data stays, because the policy says so: lethe request show lists it",
    "",
    table([...counts, ...sums], numbers),
  ].join("\n");
};

const words = { erase: "erased", anonymise: "anonymised", retain: "retained", keep: "left whole" } as const;

const cell = ({ effects }: NightShown, name: string): string => {
  const steps = effects.steps.filter((step) => step.table === name && step.rows > 0);
  const cancelled = name === "subscriptions" && effects.remedies.some((remedy) => isCancelling(remedy));
  const stays = effects.stays.some((stay) => stay.table === name);
  const became = [...new Set(steps.map((step: Step) => words[step.treatment]))].join(", ");
  if (became === "") return "untouched";
  return `${cancelled ? "cancelled" : became}${stays ? " *" : ""}`;
};

const isCancelling = ({ table: name, action, rows }: Remedies): boolean =>
  name === "subscriptions" && action === "set" && rows > 0;

const backups = ({ run }: NightShown): string =>
  `${run.backups.purged} of ${run.backups.purged + run.backups.kept} purged`;
