import { domainToASCII, domainToUnicode } from "node:url";
import parsePhone, { type CountryCode } from "libphonenumber-js/max";
import type { IdentifierKind } from "#records/request.ts";

/** One way in which an identifier may stand in a column; compared with `comparable` of the column. */
export type SearchForm = string;

const distinct = <T>(values: readonly T[]): readonly T[] => [...new Set(values)];

const digitsOf = (text: string): string => text.replaceAll(/\D/g, "");

/** The shortest phone number worth looking for: shorter ones are found in every number. */
const shortestPhone = 7;

/**
 * How a value may be written where it makes up a whole column, in lower case NFC; phone numbers as digits only: international, with
 * the `00` prefix, national, and international with the national zero left in ("+49 (0)30 …"). E-mail domains in ASCII and in Unicode.
 */
export const equalForms = (kind: IdentifierKind, value: string): readonly SearchForm[] => {
  const lower = value.normalize("NFC").toLowerCase();
  switch (kind) {
    case "email":
      return distinct([lower, ...unicodeDomain(lower)]);
    case "phone": {
      const digits = digitsOf(value);
      if (digits.length < shortestPhone) return [];
      const parsed = parsePhone(value.startsWith("+") ? value : `+${digits}`);
      if (parsed === undefined) return distinct([digits, `00${digits}`]);
      const both = `${parsed.countryCallingCode}0${parsed.nationalNumber}`;
      const national = [digitsOf(parsed.formatNational()), `0${parsed.nationalNumber}`];
      return distinct([
        digits,
        `00${digits}`,
        both,
        `00${both}`,
        ...national.filter((form) => form.length >= shortestPhone),
      ]);
    }
    case "key":
    case "external_id":
    case "device_id":
      return [lower];
  }
};

const unicodeDomain = (email: string): string[] => {
  const at = email.lastIndexOf("@");
  const domain = domainToUnicode(email.slice(at + 1));
  return domain === "" ? [] : [`${email.slice(0, at)}@${domain}`.normalize("NFC")];
};

/** An identifier as it stands in a store's own column, in the normal form that requests use. */
export const normaliseFound = (kind: IdentifierKind, value: string, country: string): string => {
  const text = value.normalize("NFC").trim();
  switch (kind) {
    case "email": {
      const lower = text.toLowerCase();
      const at = lower.lastIndexOf("@");
      const domain = domainToASCII(lower.slice(at + 1));
      return domain === "" ? lower : `${lower.slice(0, at)}@${domain}`;
    }
    case "phone":
      return parsePhone(text, country as CountryCode)?.number ?? text;
    case "key":
    case "external_id":
    case "device_id":
      return text;
  }
};

const quote = (text: string): string => text.replaceAll(/[\\^$.|?*+()[\]{}-]/g, String.raw`\$&`);

/** What people and programs put between the digits of a number: also the spaces and hyphens that do not break. */
const betweenDigits = String.raw`[\s()./\u00a0\u202f\u2010-\u2013-]*`;

/** Digits with any of those between them, not inside a longer run of digits. */
const phonePattern = (digits: string): string => String.raw`(?<!\d)\+?${digits.split("").join(betweenDigits)}(?!\d)`;

/** As a word of its own, so that redacting "Ann" leaves "annual" alone. An underscore is no letter: Markdown writes _Ann_. */
const wordPattern = (text: string): string => {
  const before = /^[\p{L}\p{N}]/u.test(text) ? "(?<![[:alnum:]])" : "";
  const after = /[\p{L}\p{N}]$/u.test(text) ? "(?![[:alnum:]])" : "";
  return `${before}${quote(text).replaceAll(/\s+/g, String.raw`\s+`)}${after}`;
};

/** Not the end of a longer local part ("joann@…"); web addresses write `@` as `%40`, and `+` as `%2B`. */
const emailPattern = (email: string): string => {
  const written = quote(email)
    .replaceAll("@", "(?:@|%40)")
    .replaceAll(String.raw`\+`, String.raw`(?:\+|%2B)`);
  return String.raw`(?<![[:alnum:]])(?<![[:alnum:]][.+_-])${written}(?![[:alnum:]])`;
};

export type NamedValue = { readonly kind: IdentifierKind | "name"; readonly value: string };

/** An accented letter may stand in a text in its decomposed form. */
const bothForms = (value: string): readonly string[] => distinct([value.normalize("NFC"), value.normalize("NFD")]);

const patternsOf = ({ kind, value }: NamedValue): readonly string[] => {
  switch (kind) {
    case "email":
      return distinct([value, ...equalForms("email", value)])
        .flatMap(bothForms)
        .map(emailPattern);
    case "phone":
      return equalForms("phone", value).map(phonePattern);
    case "name":
      // One letter is no name to look for: it would redact every "A".
      return [...value].length < 2 ? [] : bothForms(value).map(wordPattern);
    case "key":
      // A bare "17" says nothing in free text.
      return /^\d+$/.test(value) ? [] : bothForms(value).map(wordPattern);
    case "external_id":
    case "device_id":
      return bothForms(value).map(wordPattern);
  }
};

/**
 * One PostgreSQL regular expression (ARE, to be used with `gi`) that matches every identifier and name of a subject inside
 * text; null when there is nothing to look for. PostgreSQL takes the longest of the alternatives, so that a name inside an
 * e-mail address does not split it.
 */
export const redactionPattern = (values: readonly NamedValue[]): string | null => {
  const trimmed = values.map(({ kind, value }) => ({ kind, value: value.trim() }));
  const patterns = distinct(trimmed.filter(({ value }) => value !== "").flatMap(patternsOf)).toSorted(
    (a, b) => b.length - a.length,
  );
  return patterns.length === 0 ? null : `(?:${patterns.join("|")})`;
};
