import type { CatalogColumn } from "#catalog/catalog.ts";
import { wordsOf } from "#lib/words.ts";

/** What a column seems to hold. `undefined` elsewhere means: nothing personal that we know how to recognise. */
export type PersonalKind =
  | "email"
  | "phone"
  | "name"
  | "company"
  | "street"
  | "postcode"
  | "city"
  | "region"
  | "birth-date"
  | "gender"
  | "ip"
  | "user-agent"
  | "device-id"
  | "session-id"
  | "external-id"
  | "bank"
  | "secret"
  | "url"
  | "free-text"
  | "document";

const patterns: readonly (readonly [PersonalKind, RegExp])[] = [
  ["email", /(^|_)(e_?mail|mail)(_|$)/],
  ["phone", /(^|_)(tele)?(phone|fax|mobile|cell|msisdn|tel)(_|$)/],
  ["ip", /(^|_)(ip|ip_?addr(ess)?|remote_addr)(_|$)/],
  ["user-agent", /(^|_)(user_?agent|browser_string|ua)$/],
  ["device-id", /(^|_)(device_?(id|token|uid)|idfa|gaid|idfv|fingerprint|imei|mac_address|push_token)(_|$)/],
  ["session-id", /(^|_)(session_?(id|ref|key|token)|visitor_?id|anonymous_?id|cookie(_?id)?)$/],
  ["birth-date", /(^|_)(birth_?(date|day)?|date_of_birth|dob)(_|$)/],
  ["gender", /(^|_)(gender|sex|salutation)$/],
  [
    "bank",
    /(^|_)(iban|bic|swift|account_?number|card_?number|pan|last_?4|sort_code|routing_number|tax_?id|vat_?(id|number)|ssn|passport(_number)?|national_id)(_|$)/,
  ],
  [
    "secret",
    /(^|_)(password|passwd|pwd|secret|token|api_key|salt|otp|hash(ed)?_password|licen[cs]e_key|signature)(_|$)/,
  ],
  ["postcode", /(^|_)(zip|zip_?code|post_?code|postal_?code|postal|plz)(_|$)/],
  ["street", /(^|_)(street|address|addr|line_?[1-4]|house_?(no|number)|apartment|po_box)(_|$)/],
  ["city", /(^|_)(city|town|locality|village)(_|$)/],
  ["url", /(^|_)(url|uri|referr?er|landing_page|query_string|website|homepage|avatar|photo|picture|image)(_|$)/],
  ["company", /(^|_)(company|organi[sz]ation|employer)(_name)?$/],
  [
    "free-text",
    /(^|_)(notes?|comments?|message|body|description|remarks?|memo|bio|feedback|subject|content|text|delivery_instructions|about)$/,
  ],
  [
    "document",
    /(^|_)(payload|metadata|properties|attributes|(old|new)_(row|values?|data)|snapshot|raw|extra|context)$/,
  ],
];

const personNames =
  /(^|_)(first|last|middle|given|family|sur|nick|maiden|full|display|holder|contact|recipient|sender|customer|client|user|billing|shipping|author|payer)_?name$|^surname$|^username$|^login$|^screen_name$/;
const externalIds =
  /^(external|customer|client|user|member|account|patient|person|crm|stripe_customer|gateway_customer)_?(id|ref|reference|no|nr|number|uuid|uid|code|key)$|^(uuid|guid|external_ref)$/;

/** By name alone. `name` by itself names a person only in a table of people: `isPeople` says so. */
export const kindByName = (column: CatalogColumn, isPeople: boolean): PersonalKind | undefined => {
  const name = wordsOf(column.name).join("_");
  if (personNames.test(name)) return "name";
  for (const [kind, pattern] of patterns) if (pattern.test(name) && fits(kind, column)) return kind;
  if (isPeople && name === "name") return "name";
  if (externalIds.test(name)) return "external-id";
  return column.shape === "json" ? "document" : undefined;
};

/** A boolean `email_verified`, a timestamp `password_changed_at` or a count `messages` holds no such thing. */
const fits = (kind: PersonalKind, column: CatalogColumn): boolean => {
  switch (kind) {
    case "birth-date":
      return column.shape === "text" || /^(date|timestamp)/.test(column.type) || /int/.test(column.type);
    case "phone":
    case "bank":
    case "device-id":
    case "session-id":
      return column.shape === "text" || /^(bigint|numeric|integer)/.test(column.type);
    case "ip":
      return column.shape === "text" || /^(inet|cidr)/.test(column.type);
    case "document":
      return column.shape === "json" || column.shape === "text" || column.shape === "array";
    default:
      return column.shape !== "other" && !column.type.startsWith("tsvector");
  }
};
