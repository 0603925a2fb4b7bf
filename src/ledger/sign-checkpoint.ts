import { createPublicKey, sign, type KeyObject } from "node:crypto";
import { formatCheckpoint, type Checkpoint } from "#ledger/checkpoint.ts";
import { formatNote, noteKeyId, rawPublicKey } from "#ledger/note.ts";
import { LetheError } from "#lib/errors.ts";

/** Signs `text`, which ends in a newline, under a key name. Ed25519 is deterministic: the same note each time. */
export const signNote = (text: string, name: string, signing: KeyObject): string => {
  const publicKey = rawPublicKey(createPublicKey(signing));
  if (publicKey === undefined) {
    throw new LetheError("KEY_INVALID", "the signing key is not an Ed25519 key", {
      hint: "name in keys.signing the private key that `lethe init` wrote",
    });
  }
  const keyId = noteKeyId(name, publicKey);
  return formatNote({ text, signatures: [{ name, keyId, signature: sign(null, Buffer.from(text), signing) }] });
};

/** The checkpoint as a note, signed by the key that bears the ledger's origin as its name. */
export const signCheckpoint = (checkpoint: Checkpoint, signing: KeyObject): string =>
  signNote(formatCheckpoint(checkpoint), checkpoint.origin, signing);
