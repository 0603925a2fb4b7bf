/** An identifier in a statement. */
export const id = (name: string): string => `\`${name.replaceAll(/[\\`]/g, String.raw`\$&`)}\``;

export const tableIn = (database: string, table: string): string => `${id(database)}.${id(table)}`;

/** Text of a policy in a statement: never what a row or a request says. */
export const text = (value: string): string => `'${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`;

export const list = (parts: readonly string[]): string => parts.join(", ");

/** Names of our own tables begin with it: they are no part of the store. */
export const ownPrefix = "lethe_";
