import { isIP } from "node:net";
import type { CountryCode } from "libphonenumber-js";
import { isSupportedCountry, isValidPhoneNumber } from "libphonenumber-js";
import type { PersonalKind } from "#init/guess-kind.ts";

/** Values of one column, as text, without nulls. They stay in memory and are written nowhere. */
export type Sample = readonly string[];

const emailAddress = /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]{2,}$/;
const emailInside = /[^\s@<>"']+@[^\s@<>"']+\.[a-z]{2,}/i;
const agent = /^(Mozilla|Opera|curl|okhttp|Dalvik)\/\S+/;
const iban = /^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/;

/** By what the values look like: nine in ten of them must agree, so that one odd row decides nothing. */
export const kindByValues = (sample: Sample, country: string): PersonalKind | undefined => {
  if (sample.length === 0) return undefined;
  const most = (test: (value: string) => boolean): boolean => sample.filter(test).length >= sample.length * 0.9;
  if (most((value) => emailAddress.test(value.trim()))) return "email";
  if (most((value) => isIP(value.replace(/\/\d+$/, "")) !== 0)) return "ip";
  if (most((value) => agent.test(value))) return "user-agent";
  if (most((value) => iban.test(value.replaceAll(" ", "")))) return "bank";
  if (most((value) => isPhone(value, country))) return "phone";
  if (sample.some((value) => emailInside.test(value))) return "free-text";
  return most((value) => value.length > 60 && value.split(/\s+/).length > 8) ? "free-text" : undefined;
};

// Bare digits could be anything: only a number in the form that people dial counts.
const isPhone = (value: string, country: string): boolean => {
  if (!/^\+|[\s()/-]/.test(value) || !/^[+()\d\s./-]{6,24}$/.test(value) || /^\d{4}-\d\d-\d\d/.test(value))
    return false;
  const region: CountryCode | undefined = isSupportedCountry(country) ? country : undefined;
  return isValidPhoneNumber(value, region);
};
