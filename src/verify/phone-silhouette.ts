/** What people put between the digits of a telephone number; U+00A0 too. */
export const betweenDigits = String.raw`[ ()./\u00a0-]`;

/** More beginnings than this make a pattern that costs more than it excludes. */
const mostBeginnings = 12;

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

  /**
   * A POSIX pattern that every text with one of the numbers matches, whatever stands between its digits. No letter or digit may stand
   * next to a number, nor a full stop before it: "Chrome/120.0.6099.109" holds none.
   */
  pattern(): string {
    const { sizes } = this;
    const [least = 7, most = 7] = [sizes[0], sizes.at(-1)];
    const beginnings = [...this.#beginnings].map((digits) => digits.split("").join(`${betweenDigits}*`));
    const [begins, rest] =
      beginnings.length > mostBeginnings ? [String.raw`\d`, 1] : [`(?:${beginnings.join("|")})`, 2];
    return String.raw`(?:^|[^[:alnum:].])${begins}(?:${betweenDigits}*\d){${least - rest},${most - rest}}(?:$|[^[:alnum:]])`;
  }
}
