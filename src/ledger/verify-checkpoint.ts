import { verify, type KeyObject } from "node:crypto";
import { parseCheckpoint, type Checkpoint } from "#ledger/checkpoint.ts";
import { noteKeyId, parseNote, rawPublicKey } from "#ledger/note.ts";

/** Why a note was not accepted: its form is wrong, no signature names the key, or one that does is false. */
export type NoteFault = "malformed" | "unknown-key" | "bad-signature";

export type Opened<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: NoteFault };

/**
 * The text of a note that the key `name` signed. Signatures of other keys are ignored, as the specification demands; a
 * false signature under the known name and id rejects the whole note.
 */
export const openNote = (source: string, name: string, publicKey: KeyObject): Opened<string> => {
  const note = parseNote(source);
  const raw = rawPublicKey(publicKey);
  if (note === undefined) return { ok: false, fault: "malformed" };
  if (raw === undefined) return { ok: false, fault: "unknown-key" };
  const keyId = noteKeyId(name, raw);
  const ours = note.signatures.filter((line) => line.name === name && line.keyId.equals(keyId));
  if (ours.length === 0) return { ok: false, fault: "unknown-key" };
  const text = Buffer.from(note.text);
  const good = ours.every(({ signature }) => verify(null, text, publicKey, signature));
  return good ? { ok: true, value: note.text } : { ok: false, fault: "bad-signature" };
};

/** The checkpoint in a signed note, for the key that bears the checkpoint's own origin as its name. */
export const verifyCheckpoint = (source: string, publicKey: KeyObject): Opened<Checkpoint> => {
  const note = parseNote(source);
  const checkpoint = note && parseCheckpoint(note.text);
  if (checkpoint === undefined) return { ok: false, fault: "malformed" };
  const opened = openNote(source, checkpoint.origin, publicKey);
  return opened.ok ? { ok: true, value: checkpoint } : opened;
};
