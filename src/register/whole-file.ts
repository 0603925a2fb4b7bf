import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { refusalOf, syncDirectory } from "#lib/files.ts";
import type { Random } from "#lib/random.ts";
import { isCode } from "#lib/errno.ts";

/** For the account that runs Lethe alone: a register is nobody else's to read. */
const mode = 0o600;

/** Refuses before anything is read. Throws `FILE_EXISTS`, `REPORT_UNWRITABLE`. */
export const assertAbsent = (file: string): Promise<void> =>
  onFile(file, async () => {
    const found = await stat(file).catch((error: unknown) => {
      if (isCode(error, "ENOENT")) return undefined;
      throw error;
    });
    if (found !== undefined) throw taken(file);
  });

/**
 * Lets `write` fill a file that appears under its name whole or not at all: it grows under another one beside it, which no other attempt has,
 * and which a crash may leave. `write` resolves when everything has been written to its stream.
 *
 * @throws LetheError `FILE_EXISTS` when something has the name by then, `REPORT_UNWRITABLE`; and what `write` throws.
 */
export const writeWhole = <T>(file: string, random: Random, write: (output: Writable) => Promise<T>): Promise<T> =>
  onFile(file, async () => {
    const directory = dirname(file);
    await mkdir(directory, { recursive: true });
    const partial = join(directory, `.${basename(file)}.${Buffer.from(random(6)).toString("hex")}.partial`);
    try {
      const result = await filled(partial, write);
      faultPoint("before-register-rename");
      await nameFile(partial, file);
      await syncDirectory(directory);
      return result;
    } catch (error) {
      // What is half done would only take the room that may be missing.
      await rm(partial, { force: true }).catch(() => undefined);
      throw error;
    }
  });

const filled = async <T>(partial: string, write: (output: Writable) => Promise<T>): Promise<T> => {
  const handle = await open(partial, "wx", mode);
  const output = handle.createWriteStream({ autoClose: false });
  // Whoever writes hears of an error; without a listener of ours one that came after them would end the process.
  output.on("error", () => undefined);
  try {
    const result = await write(output);
    await handle.sync();
    return result;
  } finally {
    // Whoever gave up in the middle may still have something on its way.
    output.destroy();
    await handle.close();
  }
};

/** A rename replaces what is there: the name is taken first by an empty file, which another attempt at the same moment cannot take as well. */
const nameFile = async (partial: string, file: string): Promise<void> => {
  const claim = await open(file, "wx", mode).catch((error: unknown) => {
    throw isCode(error, "EEXIST") ? taken(file) : error;
  });
  await claim.close();
  try {
    await rename(partial, file);
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined);
    throw error;
  }
};

const taken = (file: string): LetheError =>
  new LetheError("FILE_EXISTS", `${file} is there already`, {
    hint: "name another file with --out, or move it away: a register that was handed to somebody is not overwritten",
  });

const onFile = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const why = refusalOf(error);
    if (why === undefined || error instanceof LetheError) throw error;
    throw new LetheError("REPORT_UNWRITABLE", `the register cannot be written to ${dirname(file)}: ${why}`, {
      hint: "make room, or let --out name a file in a directory that this user may write to; then export it again",
      cause: error,
    });
  }
};
