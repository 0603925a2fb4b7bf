import { domainToASCII } from "node:url";

// RFC 5321 dot-string with the letters of RFC 6531; quoted local parts are not taken. \p{C} are control, format and
// unassigned characters: an invisible one would make two addresses that look alike.
const localPart = /^[^\s@"(),:;<>[\]\\.\p{C}\p{Z}]+(?:\.[^\s@"(),:;<>[\]\\.\p{C}\p{Z}]+)*$/u;
const unicodeDomain = /^[\p{L}\p{M}\p{N}.-]+$/u;
const asciiDomain = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * The comparable form of an e-mail address: lower case, the domain in its ASCII form (UTS 46), dots and plus tags of
 * the local part left as they are, because only the mail server knows whether they mean something. Undefined when the
 * text is no address. Deliverability is not looked at.
 */
export const emailAddress = (text: string): string | undefined => {
  const at = text.lastIndexOf("@");
  const rawDomain = text.slice(at + 1);
  if (at < 1 || !unicodeDomain.test(rawDomain)) return undefined;
  // Lower case can decompose (İ), so the normal form is taken last.
  const local = text.slice(0, at).toLowerCase().normalize("NFC");
  const domain = domainToASCII(rawDomain);
  if (Buffer.byteLength(local) > 64 || domain.length > 253) return undefined;
  return localPart.test(local) && asciiDomain.test(domain) ? `${local}@${domain}` : undefined;
};
