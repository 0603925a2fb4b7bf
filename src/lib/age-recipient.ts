import { bech32 } from "@scure/base";

/**
 * Why a text is no native X25519 recipient of the age format (https://age-encryption.org/v1: 32 bytes in Bech32 with the
 * prefix `age`); undefined when it is one. Never quotes it: somebody may have put the private key there.
 *
 * Decoded here and not by the library that encrypts: loading that takes a tenth of a second, which every command would pay.
 */
export const recipientMistake = (text: string): string | undefined => {
  if (/age-secret-key/i.test(text))
    return "this is a private key (AGE-SECRET-KEY-…): write the public key that belongs to it (age1…), and make a new pair if anybody else can read this file";
  // Other kinds of keys (`age1pq1…`, plugins) are longer: not every age could read what is encrypted to them.
  if (!/^age1[02-9ac-hj-np-z]{58}$/.test(text))
    return "expected an X25519 public key of age, as `age-keygen` prints it: age1 and 58 small letters and digits";
  const decoded = bech32.decodeUnsafe(text);
  return decoded === undefined || !bech32.fromWordsUnsafe(decoded.words)
    ? "the checksum of this public key does not fit: some letter of it is wrong"
    : undefined;
};
