import { conserveOf } from "#policy/conserve.ts";
import { usualK } from "#records/anonymity.ts";
import { mapValues } from "#policy/map-values.ts";
import type { Analytics, Expiry, TableRule, Transform } from "#policy/policy.ts";
import type { WrittenRule, WrittenTransform, WrittenValue } from "#policy/schema/document.ts";

export const ruleOf = (rule: WrittenRule): TableRule => {
  switch (rule.treatment) {
    case "erase":
      return { treatment: "erase", owner: ownerOf(rule.owner), decided: rule.decided, expiry: expiryOf(rule.expires) };
    case "anonymise":
      return {
        treatment: "anonymise",
        owner: ownerOf(rule.owner),
        columns: mapValues(rule.columns, transformOf),
        analytics: analyticsOf(rule),
        expiry: expiryOf(rule.expires),
      };
    case "retain":
      return {
        treatment: "retain",
        owner: ownerOf(rule.owner),
        columns: mapValues(rule.columns, transformOf),
        class: rule.class,
        clock: rule.clock,
        readableBy: rule.readable_by,
        expiry: rule.expired && { clock: rule.clock, period: { class: rule.class }, columns: fateOf(rule.expired) },
      };
    case "keep":
      return {
        treatment: "keep",
        owner: ownerOf(rule.owner),
        reason: rule.reason,
        personal: rule.personal ?? [],
        expiry: expiryOf(rule.expires),
      };
  }
};

type WrittenExpiry = Extract<WrittenRule, { treatment: "erase" }>["expires"];

const expiryOf = (written: WrittenExpiry): Expiry | undefined =>
  written && {
    clock: written.clock,
    period: { after: written.after, why: written.why },
    columns: fateOf(written.then),
  };

const fateOf = (written: NonNullable<WrittenExpiry>["then"]): Expiry["columns"] =>
  written === "erase" ? undefined : mapValues(written, transformOf);

const ownerOf = (owner: string | string[] | undefined): readonly string[] | undefined =>
  typeof owner === "string" ? [owner] : owner;

const analyticsOf = (rule: Extract<WrittenRule, { treatment: "anonymise" }>): Analytics | undefined => {
  const { quasi, k, sensitive, l, t, attack, conserve, clock, per } = rule;
  if (quasi === undefined && conserve === undefined && attack === undefined) return undefined;
  return {
    quasi: quasi ?? [],
    k: k ?? usualK,
    sensitive: sensitive ?? [],
    l,
    t,
    attacks: (attack ?? []).map(({ knows, by, whose }) => ({ knows, by, whose: ownerOf(whose) ?? [] })),
    conserve: (conserve ?? []).map(conserveOf),
    clock,
    per: per ?? "month",
  };
};

const transformOf = (written: WrittenTransform): Transform => {
  if (written === "keep") return { kind: "keep" };
  const { set, unique, truncate, generalise, band, code, rare, mean, now, stays } = written;
  if (set !== undefined) return setTo(set);
  if (unique !== undefined) return { kind: "unique", template: unique };
  if (truncate !== undefined) return { kind: "truncate", to: truncate };
  if (generalise !== undefined) return { kind: "generalise", ...generalise };
  if (band !== undefined) return { kind: "band", ...band };
  if (code !== undefined) return { kind: "code", bottom: code.bottom, top: code.top };
  if (rare !== undefined) return { kind: "rare", ...rare };
  if (mean !== undefined) return { kind: "mean", within: mean };
  if (now !== undefined) return { kind: "now", when: now };
  if (stays !== undefined) return { kind: "stays", why: stays };
  return { kind: "redact" };
};

/** The same value in every row. */
export const setTo = (value: WrittenValue): Transform =>
  value === null ? { kind: "null" } : { kind: "constant", value };
