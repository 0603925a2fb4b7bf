/** More skeletons than this make a pattern that costs more than it excludes. */
const mostSkeletons = 4;

type Skeleton = { readonly shortest: number[]; readonly longest: number[] };

/**
 * What a set of identifiers looks like from afar: their common beginning, and the lengths of their runs of letters and digits
 * between the punctuation. Grows with the number of shapes, not of identifiers.
 */
export class Silhouette {
  #prefix: string | undefined;
  readonly #skeletons = new Map<string, Skeleton>();
  #shortest = Number.POSITIVE_INFINITY;

  add(form: string): this {
    this.#prefix = this.#prefix === undefined ? form : common(this.#prefix, form);
    this.#shortest = Math.min(this.#shortest, form.length);
    const bones = form.replaceAll(/[\p{L}\p{N}]+/gu, "x");
    const lengths = [...form.matchAll(/[\p{L}\p{N}]+/gu)].map(([run]) => [...run].length);
    const known = this.#skeletons.get(bones);
    if (known !== undefined) {
      lengths.forEach((length, index) => {
        known.shortest[index] = Math.min(known.shortest[index] ?? length, length);
        known.longest[index] = Math.max(known.longest[index] ?? length, length);
      });
    } else if (this.#skeletons.size <= mostSkeletons)
      this.#skeletons.set(bones, { shortest: [...lengths], longest: [...lengths] });
    return this;
  }

  /** What they all begin with, where that is long enough to tell them from other text ("cus_"). */
  get prefix(): string | undefined {
    return this.#prefix !== undefined && this.#prefix.length >= 3 ? this.#prefix : undefined;
  }

  /** A POSIX pattern that every added identifier matches, in whatever text it stands. */
  pattern(): string {
    if (this.prefix !== undefined) return escape(this.prefix);
    if (this.#skeletons.size > mostSkeletons) return String.raw`[^\s]{${this.#shortest},}`;
    return [...this.#skeletons].map(([bones, lengths]) => fleshOut(bones, lengths)).join("|");
  }
}

const fleshOut = (bones: string, { shortest, longest }: Skeleton): string => {
  let run = 0;
  return [...bones]
    .map((bone) => {
      if (bone !== "x") return escape(bone);
      const [least, most] = [shortest[run] ?? 1, longest[run] ?? 1];
      run += 1;
      // PostgreSQL bounds repetitions at 255.
      return `[[:alnum:]]{${Math.min(least, 255)},${most > 255 ? "" : most}}`;
    })
    .join("");
};

const escape = (text: string): string => text.replaceAll(/[\\^$.|?*+()[\]{}-]/g, String.raw`\$&`);

const common = (a: string, b: string): string => {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
};
