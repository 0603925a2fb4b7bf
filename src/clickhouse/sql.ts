/** An identifier in a statement. */
export const id = (name: string): string => `\`${name.replaceAll(/[\\`]/g, String.raw`\$&`)}\``;

export const tableIn = (database: string, table: string): string => `${id(database)}.${id(table)}`;

/** Text of a policy in a statement: never what a row or a request says. */
export const text = (value: string): string => `'${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`;

export const list = (parts: readonly string[]): string => parts.join(", ");

/** Tables of our own are no part of the store: `lethe_`, an id without hyphens, and what for. */
export const ownPrefix = (owner: string): string => `lethe_${owner.replaceAll("-", "")}_`;

/** The same as a pattern of RE2. */
export const ownNames = "^lethe_[0-9a-f]{32}_";
