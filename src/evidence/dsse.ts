import { z } from "zod";

/**
 * DSSE v1, https://github.com/secure-systems-lab/dsse: what is signed and how it is carried, for signer and verifier.
 * Our envelope has one signature and one form: canonical JSON and a newline.
 */
export const payloadType = "application/vnd.in-toto+json";

/** The name of the file in a bundle. */
export const envelopeFile = "statement.dsse.json";

/** `"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`, lengths in bytes. */
export const preAuthenticationEncoding = (type: string, body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `), body]);

export const envelopeSchema = z.strictObject({
  payload: z.string(),
  payloadType: z.literal(payloadType),
  signatures: z.tuple([z.strictObject({ keyid: z.string().regex(/^[0-9a-f]{16}$/), sig: z.string() })]),
});

export type Envelope = z.infer<typeof envelopeSchema>;
