import { tampered } from "#evidence/faults.ts";

/** An entry is a few hundred bytes; one that lists many tables, some tens of thousands. */
const longestLine = 4 * 1024 * 1024;

/**
 * The lines of a file as bytes, without their newlines. Only 0x0A ends a line, and one ends the file, so that the lines
 * mean exactly one sequence of bytes.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = buffer.indexOf(0x0a); end >= 0; end = buffer.indexOf(0x0a)) {
      yield buffer.subarray(0, end);
      buffer = buffer.subarray(end + 1);
    }
    if (buffer.length > longestLine) throw tampered(file, `has a line longer than ${longestLine} bytes`);
    rest = buffer;
  }
  if (rest.length > 0) throw tampered(file, "does not end with a newline");
}
