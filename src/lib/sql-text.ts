import pg from "pg";

/** A name and a text as PostgreSQL reads them in a statement that takes no parameters. */
export const identifier = (name: string): string => pg.escapeIdentifier(name);
export const literal = (text: string): string => pg.escapeLiteral(text);
