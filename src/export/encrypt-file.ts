import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import type { Encrypter } from "age-encryption";
import { onExportFiles } from "#export/directory.ts";

export type EncryptedFile = {
  readonly sha256: string;
  readonly bytes: number;
  /** Fulfilled once the file is on the disk; rejects with `EXPORT_UNWRITABLE`. */
  readonly settled: Promise<void>;
};

/** Text that is encrypted at once: what age encrypts as one piece. */
const blockLength = 65_536;

/** Loaded when there is something to encrypt. Its keys come from the system's generator, as the library has it. */
export const encrypterFor = async (recipients: readonly string[]): Promise<Encrypter> => {
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter;
};

/**
 * Encrypts lines into a new file that only this user may read, block by block: the clear text is in memory and nowhere else, and
 * no more of it than two blocks. `directory` is what messages name.
 *
 * Throws `EXPORT_UNWRITABLE`, or what the lines throw.
 */
export const encryptFile = async (
  directory: string,
  path: string,
  encrypter: Encrypter,
  lines: AsyncIterable<string>,
): Promise<EncryptedFile> => {
  const handle = await onExportFiles(directory, () => open(path, "wx", 0o600));
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const block of await encrypter.encrypt(ReadableStream.from(inBlocks(lines)))) {
      hash.update(block);
      bytes += block.length;
      // From where the last one ended, and whole.
      await onExportFiles(directory, () => handle.writeFile(block));
    }
    return { sha256: hash.digest("hex"), bytes, settled: settle(directory, handle) };
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error;
  }
};

async function* inBlocks(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let text = "";
  for await (const line of lines) {
    text += line;
    if (text.length < blockLength) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}

const settle = (directory: string, handle: FileHandle): Promise<void> =>
  onExportFiles(directory, async () => {
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
