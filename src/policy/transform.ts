import type { TimeUnit } from "#records/anonymity.ts";

/** What becomes of a column. */
export type Transform =
  | { readonly kind: "keep" }
  /** Personal data that stays on purpose. */
  | { readonly kind: "stays"; readonly why: string }
  /** The moment of the batch. */
  | { readonly kind: "now"; readonly when: "always" | "if-null" }
  | { readonly kind: "null" }
  | { readonly kind: "constant"; readonly value: string | number | boolean }
  /** Text with `{random}`, replaced by 20 hexadecimal digits that are different for every row. */
  | { readonly kind: "unique"; readonly template: string }
  /** Replaces the subject's identifiers and names inside text or JSON by `[erased]`. */
  | { readonly kind: "redact" }
  /** `zone`: by whose clocks a moment is of a day, a month; by UTC where nobody's are known. */
  | { readonly kind: "truncate"; readonly to: TimeUnit; readonly zone?: string }
  /** `from`: where the map was read, if the policy does not write it out. */
  | {
      readonly kind: "generalise";
      readonly map: Readonly<Record<string, string>>;
      readonly otherwise: string | null;
      readonly from?: { readonly file: string; readonly level: string | number };
    }
  /** A number becomes the lower end of its band. */
  | { readonly kind: "band"; readonly width: number; readonly from: number }
  /** Top and bottom coding. */
  | { readonly kind: "code"; readonly bottom: number | undefined; readonly top: number | undefined }
  /** Values that fewer rows of the whole table have become `otherwise`. */
  | { readonly kind: "rare"; readonly below: number; readonly otherwise: string | null }
  /** Microaggregation (Domingo-Ferrer and Mateo-Sanz, 2002): the mean of the batch's rows of one period that are equal in `within`, those of at least `among` people. */
  | { readonly kind: "mean"; readonly within: readonly string[]; readonly among: number }
  /** A new random key of the column's own type, in every row. */
  | { readonly kind: "rekey" }
  /**
   * Permutation (data shuffling): the batch's rows that are equal in `within` exchange their values, those of at least `among` people; `per`: and are
   * of the same period, so that its totals stay.
   */
  | {
      readonly kind: "shuffle";
      readonly within: readonly string[];
      readonly among: number;
      readonly per: TimeUnit | undefined;
    };
