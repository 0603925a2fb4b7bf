/** What people put between the digits of a telephone number; U+00A0 too. */
export const betweenDigits = String.raw`[ ()./\u00a0-]`;

/** More beginnings than this make a pattern that costs more than it excludes. */
const mostBeginnings = 12;

/** A word in which letters and digits stand together: its digits are no telephone number. */
export const wordWithDigits = "[[:alnum:]]*[[:alpha:]][[:alnum:]]*";

/** What cannot stand inside a telephone number. */
export const notInPhones = String.raw`[^\d ()./\u00a0-]+`;

/**
 * What a set of telephone numbers looks like from afar: how they begin and how many digits they have. Version numbers, addresses of machines
 * and amounts are full of digits, so "seven digits in a row" alone would let most of a web log through.
 */
export class PhoneSilhouette {
  readonly #beginnings = new Set<string>();
  readonly #sizes = new Set<number>();

  /** `form` consists of digits. */
  add(form: string): this {
    if (this.#beginnings.size <= mostBeginnings) this.#beginnings.add(form.slice(0, 2));
    this.#sizes.add(form.length);
    return this;
  }

  /** The numbers of digits that occur. */
  get sizes(): readonly number[] {
    return [...this.#sizes].toSorted((a, b) => a - b);
  }

  /** A POSIX pattern that every text with one of the numbers matches: how they begin. No letter or digit may stand before that, nor a full stop. */
  begins(): string {
    const all = [...this.#beginnings];
    const begin =
      all.length > mostBeginnings
        ? String.raw`\d`
        : `(?:${all.map((digits) => digits.split("").join(`${betweenDigits}*`)).join("|")})`;
    return String.raw`(?:^|[^[:alnum:].])${begin}`;
  }

  /**
   * The same to the end of the number, whatever stands between its digits. No letter or digit may stand next to it: "Chrome/120.0.6099.109"
   * holds none.
   */
  pattern(): string {
    const { sizes } = this;
    const [least = 7, most = 7] = [sizes[0], sizes.at(-1)];
    const begun = this.#beginnings.size > mostBeginnings ? 1 : 2;
    return String.raw`${this.begins()}(?:${betweenDigits}*\d){${least - begun},${most - begun}}(?:$|[^[:alnum:]])`;
  }
}
