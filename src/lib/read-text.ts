import { readFile, stat } from "node:fs/promises";
import type { ErrorCode } from "#lib/error-codes.ts";
import { LetheError } from "#lib/errors.ts";

export type TextFile = {
  /** What the file is to its reader: `configuration`, `policy`. */
  readonly what: string;
  readonly missing: ErrorCode;
  readonly invalid: ErrorCode;
  /** What to do when it is missing. */
  readonly hint: string;
  /** In bytes, of what people write by hand or export from a table; undefined: however large it is. */
  readonly largest?: number;
};

/** Reads a UTF-8 text file, without its byte-order mark. Throws `missing`, or `invalid` when it cannot be read as text. */
export const readText = async (file: string, { what, missing, invalid, hint, largest }: TextFile): Promise<string> => {
  let bytes: Uint8Array;
  let size = 0;
  try {
    size = (await stat(file)).size;
    bytes = size > (largest ?? Infinity) ? new Uint8Array() : await readFile(file);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new LetheError(missing, `there is no ${what} at this path`, { place: { file }, hint, cause });
    }
    throw new LetheError(invalid, `the ${what} cannot be read: ${code}`, {
      place: { file },
      hint: "check that the path names a file and that you may read it",
      cause,
    });
  }
  if (size > (largest ?? Infinity)) {
    throw new LetheError(invalid, `the ${what} is larger than ${(largest ?? 0) / 1024} KiB`, {
      place: { file },
      hint: "leave out what is not needed",
    });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LetheError(invalid, `the ${what} is not UTF-8 text`, {
      place: { file },
      hint: "save the file as UTF-8",
      cause,
    });
  }
};
