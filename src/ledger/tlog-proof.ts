/**
 * Transparency log proofs, https://c2sp.org/tlog-proof: one entry's place in the tree under a signed checkpoint, to be checked offline. Pure.
 *
 * `extra` is what the application adds: here the entry itself, so that a receipt needs no other file.
 */
export type TlogProof = {
  readonly index: number;
  readonly extra: Uint8Array;
  /** PATH(index, D[size]) of RFC 6962 §2.1.1, 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note over the head of the tree. */
  readonly checkpoint: string;
};

const firstLine = "c2sp.org/tlog-proof@v1";

/** A tree has at most 2^53 leaves, so that a path is never longer. */
const longestPath = 53;

export const formatTlogProof = ({ index, extra, hashes, checkpoint }: TlogProof): string => {
  const path = hashes.map((hash) => `${base64(hash)}\n`).join("");
  return `${firstLine}\nextra ${base64(extra)}\nindex ${index}\n${path}\n${checkpoint}`;
};

/** The one proof whose written form is `source`; undefined when there is none. The input is hostile. */
export const parseTlogProof = (source: string): TlogProof | undefined => {
  const split = source.indexOf("\n\n");
  const [header, extra, index, ...hashes] = source.slice(0, Math.max(split, 0)).split("\n");
  const [, digits] = /^index (\d{1,16})$/.exec(index ?? "") ?? [];
  if (header !== firstLine || extra?.startsWith("extra ") !== true || digits === undefined) return undefined;
  if (hashes.length > longestPath) return undefined;
  const proof = {
    index: Number(digits),
    extra: Buffer.from(extra.slice("extra ".length), "base64"),
    hashes: hashes.map((hash) => Buffer.from(hash, "base64")),
    checkpoint: source.slice(split + 2),
  };
  const sound = Number.isSafeInteger(proof.index) && proof.hashes.every(({ length }) => length === 32);
  // Base64 with slack bits, a number with leading zeroes: no two texts mean the same proof.
  return sound && formatTlogProof(proof) === source ? proof : undefined;
};

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
