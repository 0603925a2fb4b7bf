/** Hexadecimal digits that stand for `{random}`: 80 bits, so that no two rows of a table meet. */
export const randomDigits = 20;

/** What a text that came of the template is like, for LIKE: any character where a digit was. */
export const likeUnique = (template: string): string =>
  template.replaceAll(/[\\%_]/g, String.raw`\$&`).replaceAll("{random}", "_".repeat(randomDigits));
