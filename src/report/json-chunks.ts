import type { Json } from "#lib/canonical.ts";

/** A JSON document in which an asynchronous iterable stands for an array that is too long to hold. */
export type Streamed = Json | AsyncIterable<Json> | { readonly [member: string]: Streamed | undefined };

/**
 * Writes a document piece by piece: members in the order given, one per line, and array elements one per line, so that
 * people can read it, `grep` finds a request, and memory stays flat. Members that are `undefined` are left out.
 */
export async function* jsonChunks(value: Streamed, indent = ""): AsyncGenerator<string> {
  if (isStream(value)) yield* list(value, indent);
  else if (isObject(value)) yield* members(value, indent);
  else if (Array.isArray(value)) yield* list(value, indent);
  else yield JSON.stringify(value);
}

async function* list(items: AsyncIterable<Json> | Iterable<Json>, indent: string): AsyncGenerator<string> {
  let chunk = "[";
  let separator = "\n";
  for await (const item of items) {
    chunk += `${separator}${indent}  ${JSON.stringify(item)}`;
    separator = ",\n";
    if (chunk.length < 65_536) continue;
    yield chunk;
    chunk = "";
  }
  yield separator === "\n" ? "[]" : `${chunk}\n${indent}]`;
}

async function* members(
  value: { readonly [member: string]: Streamed | undefined },
  indent: string,
): AsyncGenerator<string> {
  let separator = "{\n";
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    yield `${separator}${indent}  ${JSON.stringify(name)}: `;
    yield* jsonChunks(member, `${indent}  `);
    separator = ",\n";
  }
  yield separator === "{\n" ? "{}" : `\n${indent}}`;
}

const isStream = (value: Streamed): value is AsyncIterable<Json> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

const isObject = (value: Streamed): value is { readonly [member: string]: Streamed | undefined } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
