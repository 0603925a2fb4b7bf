import { readdir } from "node:fs/promises";
import { unpacked } from "#backups/directory/unpacked.ts";

/** `what`: `base`, `pg_wal`, or the number of a tablespace. */
export type Archive = { readonly name: string; readonly what: string };

const named = /^(?<what>base|pg_wal|[1-9]\d*)\.tar(?:\.gz|\.zst)?$/;

/** The archives of a base backup in tar format that can be read: not compressed, or by gzip or Zstandard. `others`: what is there beside them. */
export const archivesIn = async (
  directory: string,
): Promise<{ readonly archives: readonly Archive[]; readonly others: readonly string[] }> => {
  const names = (await readdir(directory)).toSorted();
  return {
    archives: names.flatMap((name) => {
      const what = named.exec(name)?.groups?.["what"];
      return what === undefined ? [] : [{ name, what }];
    }),
    others: names.filter((name) => !named.test(name)),
  };
};

/** A file in an archive; `body` is there until the next one is asked for. */
export type Member = { readonly name: string; readonly size: number; readonly body: AsyncIterable<Buffer> };

const blockBytes = 512;

/**
 * The files in an archive as PostgreSQL writes it, which uses of the format only what is read here (src/port/tar.c, src/fe_utils/astreamer_tar.c).
 * Throws where it is cut off, or is something else.
 */
export const membersOf = async function* (path: string): AsyncGenerator<Member> {
  await using bytes = readerOf(unpacked(path));
  for (;;) {
    const header = await bytes.exactly(blockBytes);
    if (header.every((byte) => byte === 0)) break;
    const { name, size, isFile } = parseHeader(header);
    let left = size;
    const take = async function* (): AsyncGenerator<Buffer> {
      while (left > 0) {
        const part = await bytes.some(left);
        left -= part.length;
        yield part;
      }
    };
    if (isFile) yield { name, size, body: take() };
    while (left > 0) left -= (await bytes.some(left)).length;
    await bytes.exactly(-size & (blockBytes - 1));
  }
  // Behind what is compressed stands its checksum.
  await bytes.toTheEnd();
};

const parseHeader = (header: Buffer): { readonly name: string; readonly size: number; readonly isFile: boolean } => {
  const text = (from: number, to: number): string => header.toString("utf8", from, to).replace(/\0.*$/s, "");
  // Of its bytes, its own taken for spaces.
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  if (sum !== Number.parseInt(text(148, 156), 8)) throw new Error("no header of a tar archive");
  const type = text(156, 157);
  if (!["0", "", "1", "2", "5"].includes(type)) throw new Error("not as PostgreSQL writes tar archives");
  // From eight gigabytes on a number, not digits.
  const size = header[124] === 0x80 ? Number(header.readBigUInt64BE(128)) : Number.parseInt(text(124, 136), 8);
  return { name: text(0, 100).replace(/^\.\//, ""), size, isFile: type === "0" || type === "" };
};

const readerOf = (source: AsyncGenerator<Buffer>) => {
  let rest: Buffer = Buffer.alloc(0);
  /** At least one byte, at most so many. */
  const some = async (most: number): Promise<Buffer> => {
    while (rest.length === 0) {
      const next = await source.next();
      if (next.done === true) throw new Error("cut off");
      rest = next.value;
    }
    const part = rest.subarray(0, most);
    rest = rest.subarray(part.length);
    return part;
  };
  return {
    some,
    exactly: async (length: number): Promise<Buffer> => {
      const parts: Buffer[] = [];
      for (let left = length; left > 0; left -= parts.at(-1)?.length ?? 0) parts.push(await some(left));
      return Buffer.concat(parts);
    },
    toTheEnd: async (): Promise<void> => {
      while ((await source.next()).done !== true);
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await source.return(undefined);
    },
  };
};
