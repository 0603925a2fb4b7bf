import { createHash, type KeyObject } from "node:crypto";

/**
 * Signed notes, https://c2sp.org/signed-note: text that ends in a newline, an empty line, then lines of the form
 * `— <key name> <base64(4-byte key id || signature)>`. Here is the form; who signs and who verifies is elsewhere.
 */
export type SignatureLine = { readonly name: string; readonly keyId: Buffer; readonly signature: Buffer };

export type Note = { readonly text: string; readonly signatures: readonly SignatureLine[] };

/** The signature type byte of Ed25519. */
const ed25519 = 0x01;

/** Verifiers must accept 16 signatures and should have a limit. */
const mostSignatures = 16;

/** The 32 bytes of an Ed25519 public key (RFC 8032); undefined for any other key. */
export const rawPublicKey = (key: KeyObject): Buffer | undefined =>
  key.asymmetricKeyType === "ed25519" ? Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url") : undefined;

/** `SHA-256(name || 0x0A || 0x01 || public key)[:4]`. */
export const noteKeyId = (name: string, publicKey: Uint8Array): Buffer =>
  createHash("sha256").update(`${name}\n`).update(Buffer.of(ed25519)).update(publicKey).digest().subarray(0, 4);

/** Key names are not empty and hold neither Unicode spaces nor plus signs. */
export const isKeyName = (name: string): boolean => /^[^\s+]+$/u.test(name);

export const formatNote = ({ text, signatures }: Note): string => {
  const lines = signatures.map(
    ({ name, keyId, signature }) => `— ${name} ${Buffer.concat([keyId, signature]).toString("base64")}\n`,
  );
  return `${text}\n${lines.join("")}`;
};

/**
 * The one note whose written form is `source`; undefined when there is none. The input is hostile: base64 with slack
 * bits, other line ends and control characters are refused, so that no two byte sequences mean the same note.
 */
export const parseNote = (source: string): Note | undefined => {
  const split = source.lastIndexOf("\n\n");
  if (split < 1 || hasControl(source) || !source.endsWith("\n")) return undefined;
  const lines = source.slice(split + 2, -1).split("\n");
  if (lines.length > mostSignatures) return undefined;
  const signatures = lines.map(parseLine).filter((line) => line !== undefined);
  const note = { text: source.slice(0, split + 1), signatures };
  return signatures.length === lines.length && formatNote(note) === source ? note : undefined;
};

const parseLine = (line: string): SignatureLine | undefined => {
  const [, name, encoded] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  if (name === undefined || encoded === undefined || !isKeyName(name)) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  return bytes.length > 4 ? { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) } : undefined;
};

// oxlint-disable-next-line no-control-regex -- control characters are what the format forbids
const hasControl = (text: string): boolean => /[\u0000-\u0009\u000b-\u001f]/.test(text);
