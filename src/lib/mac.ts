import { createHmac, type KeyObject } from "node:crypto";

/** B5: by what an identifier is recognised that is kept nowhere, `HMAC-SHA256(key, kind:normalised identifier)`. */
export const macOf = (key: KeyObject, kind: string, value: string): Buffer =>
  createHmac("sha256", key).update(`${kind}:${value}`).digest();

/** The kind of a root row's key: the same key means somebody else in another store. */
export const keyKind = (store: string): string => `key@${store}`;
