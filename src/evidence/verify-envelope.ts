import { createPublicKey, verify, type KeyObject } from "node:crypto";
import { decodeBase64, decodeUtf8, parseCanonical, readBounded } from "#evidence/canonical-file.ts";
import { envelopeFile, envelopeSchema, payloadType, preAuthenticationEncoding } from "#evidence/dsse.ts";
import { tampered } from "#evidence/faults.ts";
import { keyId as keyIdOf } from "#lib/keys.ts";
import { statementSchema, type Statement } from "#evidence/statement.ts";
import { LetheError } from "#lib/errors.ts";

const largestEnvelope = 4 * 1024 * 1024;

export type ParsedEnvelope = { readonly payload: Buffer; readonly keyId: string; readonly signature: Buffer };

/** The public half of the signer's key, as PEM. @throws LetheError `KEY_INVALID` */
export const parsePublicKey = (pem: string): KeyObject => {
  const invalid = (what: string, cause?: unknown): LetheError =>
    new LetheError("KEY_INVALID", what, { hint: "give the PEM file of the controller's Ed25519 public key", cause });
  if (pem.includes("PRIVATE KEY")) throw invalid("this is a private key: it belongs to the signer alone");
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw invalid("the key is not a public key in PEM form", cause);
  }
  if (key.asymmetricKeyType !== "ed25519") throw invalid("the key is not an Ed25519 key");
  return key;
};

/** Step 1: one envelope, in the one form that the signer writes; nothing in it is trusted yet. */
export const readEnvelope = async (directory: string): Promise<ParsedEnvelope> => {
  const text = decodeUtf8(await readBounded(directory, envelopeFile, largestEnvelope));
  const value = text?.endsWith("\n") === true ? parseCanonical(text.slice(0, -1)) : undefined;
  const envelope = envelopeSchema.safeParse(value);
  if (!envelope.success) throw tampered(envelopeFile, "is not a signed statement in canonical form");
  const [{ keyid, sig }] = envelope.data.signatures;
  const payload = decodeBase64(envelope.data.payload);
  const signature = decodeBase64(sig);
  if (payload === undefined || signature?.length !== 64) {
    throw tampered(envelopeFile, "carries a payload or a signature that is not canonical base64");
  }
  return { payload, keyId: keyid, signature };
};

/**
 * Step 2: the key signed this payload; from here on the statement is the signer's word. The key id in the envelope is not
 * authenticated: it only tells a wrong key from a changed file.
 */
export const verifyEnvelope = (envelope: ParsedEnvelope, publicKey: KeyObject): Statement => {
  const keyId = keyIdOf(publicKey);
  const encoded = preAuthenticationEncoding(payloadType, envelope.payload);
  const genuine = verify(null, encoded, publicKey, envelope.signature);
  if (!genuine && envelope.keyId !== keyId) {
    throw new LetheError(
      "EVIDENCE_KEY",
      `${envelopeFile} was signed with key ${envelope.keyId}, the key given is ${keyId}`,
      {
        hint: `get the public key ${envelope.keyId} from the controller by a way you trust, never from the bundle's sender alone`,
        place: { file: envelopeFile },
      },
    );
  }
  if (!genuine) throw tampered(envelopeFile, `does not bear a valid signature of key ${keyId}`);
  if (envelope.keyId !== keyId) throw tampered(envelopeFile, `names key ${envelope.keyId}, but key ${keyId} signed it`);
  const text = decodeUtf8(envelope.payload);
  const statement = statementSchema.safeParse(text === undefined ? undefined : parseCanonical(text));
  if (!statement.success) throw tampered(envelopeFile, "holds a statement of a form that this version does not know");
  return statement.data;
};
