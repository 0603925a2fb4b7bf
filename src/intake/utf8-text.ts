import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { LetheError } from "#lib/errors.ts";
import { longestRecord, refusedWidth } from "#intake/import-record.ts";

/**
 * A file's text, chunk by chunk, never cut inside a character; a UTF-8 byte-order mark is dropped. Throws
 * `IMPORT_ENCODING` with the line for bytes that are not UTF-8 and for UTF-16, `IMPORT_TOO_WIDE` for a line that no
 * honest file has (before it is held in memory), `IMPORT_UNREADABLE` when the file cannot be read.
 */
export async function* utf8Text(file: string): AsyncGenerator<string> {
  let held: Buffer = Buffer.alloc(0);
  let line = 1;
  let width = 0;
  let begun = false;
  for await (const bytes of chunksOf(file)) {
    let chunk: Buffer = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    if (!begun) {
      if (chunk.length < 3) {
        held = chunk;
        continue;
      }
      chunk = withoutMark(chunk, file);
      begun = true;
    }
    const end = completeLength(chunk);
    held = chunk.subarray(end);
    const whole = chunk.subarray(0, end);
    ({ line, width } = checked(whole, { file, line, width }));
    if (whole.length > 0) yield whole.toString("utf8");
  }
  if (held.length === 0) return;
  const rest = begun ? held : withoutMark(held, file);
  checked(rest, { file, line, width });
  yield rest.toString("utf8");
}

/** The file's bytes; every failure of the file system becomes `IMPORT_UNREADABLE`. */
export async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>;
  } catch (error) {
    throw unreadable(file, error);
  }
}

export const unreadable = (file: string, cause: unknown): LetheError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  return new LetheError("IMPORT_UNREADABLE", `the file cannot be read: ${code}`, {
    place: { file },
    hint: "check the path and the permissions; a pipe cannot be imported, because it can be read only once",
    cause,
  });
};

const withoutMark = (head: Buffer, file: string): Buffer => {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return head.subarray(3);
  const utf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  if (utf16) throw refusedEncoding(file, 1, "the file is UTF-16");
  return head;
};

/** How many bytes of `chunk` are not the beginning of a character that the next chunk completes. */
const completeLength = (chunk: Buffer): number => {
  for (let back = 1; back <= Math.min(3, chunk.length); back += 1) {
    const byte = chunk[chunk.length - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? chunk.length - back : chunk.length;
  }
  return chunk.length;
};

type Position = { readonly file: string; readonly line: number; readonly width: number };

/** Checks whole characters from a position; returns the position behind them. */
const checked = (bytes: Buffer, { file, line, width }: Position): Position => {
  const valid = isUtf8(bytes);
  let at = 0;
  let number = line;
  let wide = width;
  for (;;) {
    const end = lineEnd(bytes, at);
    if (!valid && !isUtf8(bytes.subarray(at, end ?? bytes.length))) {
      throw refusedEncoding(file, number, "the line holds bytes that are not UTF-8");
    }
    wide += (end ?? bytes.length) - at;
    if (wide > longestRecord) throw refusedWidth({ file, line: number });
    if (end === undefined) return { file, line: number, width: wide };
    at = end + 1;
    // A line ending of two bytes is counted once, by its line feed; a lone carriage return only ends the width.
    number += bytes[end] === 0x0a ? 1 : 0;
    wide = 0;
  }
};

const lineEnd = (bytes: Buffer, from: number): number | undefined => {
  const feed = bytes.indexOf(0x0a, from);
  const search = feed < 0 ? bytes : bytes.subarray(0, feed);
  const carriage = search.indexOf(0x0d, from);
  if (carriage >= 0) return carriage;
  return feed < 0 ? undefined : feed;
};

const refusedEncoding = (file: string, line: number, message: string): LetheError =>
  new LetheError("IMPORT_ENCODING", message, {
    place: { file, line },
    hint: 'save the file as "CSV UTF-8", or convert it: iconv -f LATIN1 -t UTF-8; nothing was imported',
  });
