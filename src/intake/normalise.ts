import { isSupportedCountry, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { emailAddress } from "#intake/email.ts";
import type { RowCode } from "#intake/rejections.ts";
import type { Identifier, IdentifierKind } from "#records/request.ts";

export type Normalised =
  | { readonly ok: true; readonly identifier: Identifier }
  | { readonly ok: false; readonly code: RowCode };

/** Longest text that we take for an identifier, in UTF-16 code units; RFC 5321 allows 254 octets for an address. */
const longest = { email: 254, phone: 64, external_id: 200, key: 200, device_id: 200 } as const;

/**
 * Brings an identifier into the one form in which requests, stores and searches compare it: Unicode NFC; e-mail lower
 * case with an ASCII domain, dots and plus tags as they are; phone as E.164, national numbers read as those of `country`
 * (ISO 3166-1 alpha-2, the controller's); the others trimmed. Normalising twice changes nothing.
 *
 * `text` is hostile. A refusal carries a code and never the value. Keys, external ids and device ids hold letters,
 * digits and `. _ : @ + - = | #` only, and no `..`: they end up in queries, and in paths of other people's tools.
 */
export const normalise = (kind: IdentifierKind, text: string, country: string): Normalised => {
  if (text.length > longest[kind] * 2) return refused(kind);
  const value = normalForm(kind, text.normalize("NFC").trim(), country);
  return value === undefined || value.length > longest[kind]
    ? refused(kind)
    : { ok: true, identifier: { kind, value } };
};

const normalForm = (kind: IdentifierKind, text: string, country: string): string | undefined => {
  switch (kind) {
    case "email":
      return emailAddress(text);
    case "phone":
      return phoneNumber(text, country);
    case "external_id":
    case "key":
    case "device_id":
      return /^[\p{L}\p{M}\p{N}._:@+\-=|#]+$/u.test(text) && !text.includes("..") ? text : undefined;
  }
};

// Possible (right length for its country) rather than valid: number ranges are opened faster than metadata is published.
// An extension is refused: without it the number would name everybody behind the same exchange.
const phoneNumber = (text: string, country: string): string | undefined => {
  const defaults = isSupportedCountry(country) ? { defaultCountry: country } : {};
  const number = parsePhoneNumberFromString(text, { ...defaults, extract: false });
  if (number === undefined || !number.isPossible() || number.ext !== undefined) return undefined;
  return number.number;
};

const refused = (kind: IdentifierKind): Normalised => {
  switch (kind) {
    case "email":
      return { ok: false, code: "EMAIL_INVALID" };
    case "phone":
      return { ok: false, code: "PHONE_INVALID" };
    case "external_id":
    case "key":
    case "device_id":
      return { ok: false, code: "IDENTIFIER_INVALID" };
  }
};
