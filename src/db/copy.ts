import type pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export type CopyValue = string | number | boolean | null | Uint8Array;

// The text format of COPY (PostgreSQL manual, COPY, "Text Format"): backslash escapes the four that would end a value.
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

const encode = (value: CopyValue): string => {
  if (value === null) return "\\N";
  if (value instanceof Uint8Array) return `\\\\x${Buffer.from(value).toString("hex")}`;
  return String(value).replaceAll(/[\\\t\n\r]/g, (character) => escapes[character] as string);
};

async function* lines(
  rows: Iterable<readonly CopyValue[]> | AsyncIterable<readonly CopyValue[]>,
): AsyncGenerator<string> {
  let chunk = "";
  for await (const row of rows) {
    chunk += `${row.map(encode).join("\t")}\n`;
    if (chunk.length > 65_536) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}

/**
 * Streams rows into a table. `target` is SQL that names the table and its columns; it is never built from input.
 * Values travel in the COPY stream and so appear in no statement, hence in no server log and no `pg_stat_statements`.
 */
export const copyInto = async (
  client: pg.PoolClient,
  target: string,
  rows: Iterable<readonly CopyValue[]> | AsyncIterable<readonly CopyValue[]>,
): Promise<void> => {
  await pipeline(
    Readable.from(lines(rows), { objectMode: false }),
    client.query(copyFrom(`copy ${target} from stdin`)),
  );
};

/** Streams the result of a query out as text-format bytes: memory does not grow with it. */
export const copyOut = (client: pg.PoolClient, query: string): Readable =>
  client.query(copyTo(`copy (${query}) to stdout`));
