/** Why one row, or one request from the command line, was turned away. Reasons never hold the value. */
const reasons = {
  RECEIVED_MISSING: "the day of receipt is missing",
  RECEIVED_INVALID: "the day of receipt is neither an ISO date (2026-03-05) nor an ISO instant (2026-03-05T14:00:00Z)",
  RECEIVED_IN_FUTURE: "the day of receipt lies in the future",
  RECEIVED_TOO_EARLY: "the day of receipt lies before 25 May 2018, the first day of the GDPR",
  IDENTIFIER_MISSING: "the row names nobody: no e-mail address, phone number, external id, key or device id",
  EMAIL_INVALID: "the e-mail address is not one",
  PHONE_INVALID: "the phone number has the wrong length, an extension, or no country",
  IDENTIFIER_INVALID:
    "an external id, key or device id is too long or holds something other than letters, digits and ._:@+-=|#",
  GROUND_INVALID: "the ground is not one of a, b, c, d, e, f (Art. 17(1) GDPR)",
  REGIME_INVALID: "the regime is not one of gdpr, uk, ccpa",
  PURPOSE_INVALID: "the purpose is not a word of up to 40 small letters, digits and -",
  FORMULA: "a cell holds a formula, or text that a spreadsheet would run as one",
  FIELD_COUNT: "the row has more or fewer fields than the header",
  REQUEST_UNDER_WAY:
    "the person's open request is past approval and this row names them by further identifiers; enter it again once that request is done",
} as const;

export type RowCode = keyof typeof reasons;

export const reasonOf = (code: RowCode): string => reasons[code];

/** The reason for a code that was read back from the database. */
export const reasonOfStored = (code: string | null): string =>
  code !== null && Object.hasOwn(reasons, code) ? reasons[code as RowCode] : "no reason was recorded";
