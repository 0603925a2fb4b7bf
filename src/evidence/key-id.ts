import type { KeyObject } from "node:crypto";
import { sha256Hex } from "#lib/canonical.ts";

/** First 16 hexadecimal digits of the SHA-256 of the public key's SPKI form: how people and envelopes name a key. */
export const keyIdOf = (publicKey: KeyObject): string =>
  sha256Hex(publicKey.export({ type: "spki", format: "der" })).slice(0, 16);
