import type { Copies } from "#anonymity/copies.ts";
import type { AttackResult, Reason, Sensitive } from "#records/anonymity.ts";

/** What was measured of a table, and what its policy asks. */
export type Labelled = {
  readonly k: number;
  /** Of the nameless rows alone, where people are hidden among those. */
  readonly nameless: { readonly k: number; readonly rows: number } | null;
  readonly threshold: number;
  readonly rows: number;
  readonly sensitive: readonly (Sensitive & { readonly l: number; readonly t: number })[];
  readonly least: number | null;
  readonly most: number | null;
  readonly attacks: readonly AttackResult[];
  /** Rows of people who are known. */
  readonly known: number;
  /** Columns of the table itself: with personal data that stays on purpose, and those of which none of this says anything. */
  readonly stays: readonly string[];
  readonly unmeasured: readonly string[];
  /** Tables with records of people that no attack compares. */
  readonly notCompared: readonly string[];
  /** Of the rows as they were. */
  readonly copies: Copies;
};

/**
 * Why a table must not be called anonymous (requirement D7; recital 26 GDPR: means reasonably likely to be used). None: it may. WP216 of the
 * Article 29 Working Party names the three risks: singling out, linking, inference.
 */
export const reasonsOf = (of: Labelled): readonly Reason[] => {
  const reasons: Reason[] = [];
  const hidden = of.nameless ?? of;
  if (hidden.rows > 0 && hidden.k < of.threshold) reasons.push("small-classes");
  if (of.least !== null && of.sensitive.some(({ l }) => l < (of.least ?? 0))) reasons.push("few-values");
  if (of.most !== null && of.sensitive.some(({ t }) => t > (of.most ?? 1) + 1e-9)) reasons.push("far-values");
  if (of.attacks.some(({ one }) => one > 0)) reasons.push("matched");
  if (of.known > 0) reasons.push("known-rows");
  if (of.stays.length > 0) reasons.push("stays");
  if (of.unmeasured.length > 0) reasons.push("unmeasured-columns");
  if (of.notCompared.length > 0) reasons.push("not-compared");
  reasons.push(...copied(of.copies));
  return reasons;
};

const copied = ({ backups, exported }: Copies): readonly Reason[] => [
  backups === "held" ? "in-backups" : "backups-unknown",
  ...(exported ? (["in-exports"] as const) : []),
];
