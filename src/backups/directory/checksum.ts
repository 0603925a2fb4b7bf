import { createHash } from "node:crypto";
import crc32c from "crc-32/crc32c.js";

/** A checksum that grows by chunks. */
export type Checksum = { readonly update: (chunk: Uint8Array) => void; readonly digest: () => string };

/** One of pg_basebackup's `--manifest-checksums`, in lower-case hexadecimal as the manifest has it; undefined of any other. */
export const checksumOf = (algorithm: string): Checksum | undefined => {
  if (algorithm === "CRC32C") return crc32cSum();
  const [, bits] = /^SHA(224|256|384|512)$/.exec(algorithm) ?? [];
  if (bits === undefined) return undefined;
  const hash = createHash(`sha${bits}`);
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest("hex") };
};

const crc32cSum = (): Checksum => {
  let sum = 0;
  return {
    update: (chunk) => {
      sum = crc32c.buf(chunk, sum);
    },
    digest: () => {
      // PostgreSQL writes the four bytes as they lie in memory.
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(sum);
      return bytes.toString("hex");
    },
  };
};
