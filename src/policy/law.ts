import { Temporal } from "temporal-polyfill";
import { z } from "zod";
import { shippedText } from "#lib/shipped-file.ts";
import { readYaml } from "#lib/yaml-document.ts";
import { period } from "#policy/schema/period.ts";
import { anchors } from "#policy/retention.ts";
import { sectors, type Sector } from "#records/controller.ts";

const text = z.string().min(1);

const version = z.strictObject({
  jurisdiction: z.string().regex(/^[A-Z]{2}$/, "expected a country by its two capital letters (ISO 3166-1)"),
  class: text,
  start: text,
  anchor: z.enum(anchors),
  period,
  overrides: z.array(z.strictObject({ sector: z.enum(sectors), period, citation: text })).default([]),
  citation: text,
  valid: z.strictObject({ from: z.iso.date(), to: z.iso.date().optional() }),
  verify: z.boolean().default(false),
});

/** How long a law keeps a kind of record, as long as this version of it is in force (ISO/IEC 27555: a class of deletion). */
export type LawVersion = z.output<typeof version>;

/** What a law says on a day to one controller. */
export type Law = Pick<LawVersion, "jurisdiction" | "class" | "start" | "anchor" | "period" | "citation" | "verify">;

/** Whom it speaks to, and when. */
export type Under = {
  readonly versions: readonly LawVersion[];
  /** ISO 3166-1 alpha-2: where the controller is. */
  readonly country: string | undefined;
  readonly sector: Sector | undefined;
  /** `MM-DD`. */
  readonly yearBegins: string;
  readonly on: Temporal.PlainDate;
  /** By whose clocks a moment is of a day (IANA name). */
  readonly timeZone?: string;
};

const file = "policies/retention-classes.yaml";

/** Reads the classes that ship: data with citations, not code. Throws `POLICY_INVALID` with the place of what is wrong in them. */
export const readLaw = (): readonly LawVersion[] => parseLaw(file, shippedText(file));

export const parseLaw = (name: string, source: string): readonly LawVersion[] =>
  readYaml({
    file: name,
    text: source,
    schema: z.array(version).superRefine(oneAtATime),
    code: "POLICY_INVALID",
    hint: "mend the retention class: every version needs a period, a citation, and the days on which it is in force",
  }).value;

/** No two versions of a class are in force on the same day: which of them would hold? */
const oneAtATime = (versions: readonly LawVersion[], found: z.RefinementCtx): void => {
  const forever = "9999-12-31";
  for (const [index, { jurisdiction, class: name, valid }] of versions.entries()) {
    if (valid.to !== undefined && valid.to < valid.from) {
      found.addIssue({ code: "custom", path: [index, "valid"], message: "ends before it begins" });
    }
    const overlaps = versions
      .slice(0, index)
      .some(
        (other) =>
          other.jurisdiction === jurisdiction &&
          other.class === name &&
          other.valid.from <= (valid.to ?? forever) &&
          valid.from <= (other.valid.to ?? forever),
      );
    if (overlaps) {
      const message = `${jurisdiction} ${name} is in force twice on some days`;
      found.addIssue({ code: "custom", path: [index, "valid"], message });
    }
  }
};

/** The version in force, as it is for the controller's sector; undefined when the data know none. */
export const lawOf = (under: Under, name: string, jurisdiction = under.country): Law | undefined => {
  const day = under.on.toString();
  const found = under.versions.find(
    (each) =>
      each.jurisdiction === jurisdiction &&
      each.class === name &&
      each.valid.from <= day &&
      (each.valid.to === undefined || day <= each.valid.to),
  );
  if (found === undefined) return undefined;
  const override = found.overrides.find(({ sector }) => sector === under.sector);
  return { ...found, ...(override && { period: override.period, citation: override.citation }) };
};
