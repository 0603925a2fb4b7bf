import { Temporal } from "temporal-polyfill";
import { durationText } from "#lib/duration-text.ts";
import type { Mistake, Path, Places } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";
import { lawOf, type Law, type Under } from "#policy/law.ts";
import type { RetentionClass } from "#policy/policy.ts";
import { calendarYear } from "#records/controller.ts";
import type { PolicyDocument, WrittenClass } from "#policy/schema/document.ts";

/** Nobody's law: only what the policy itself says. */
export const nowhere: Under = {
  versions: [],
  country: undefined,
  sector: undefined,
  yearBegins: calendarYear,
  on: Temporal.PlainDate.from("1970-01-01"),
};

export type ResolvedClasses = {
  readonly classes: Readonly<Record<string, RetentionClass>>;
  readonly mistakes: readonly Mistake[];
};

/** Retention classes as they hold on a day: what the law says to the controller, and what the policy adds. */
export const resolveClasses = (
  { classes = {} }: Pick<PolicyDocument, "classes">,
  places: Places,
  under: Under,
): ResolvedClasses => {
  const mistakes: Mistake[] = [];
  const resolved = Object.entries(classes).flatMap(
    ([name, written]): readonly (readonly [string, RetentionClass])[] => {
      if (!("law" in written))
        return [
          [name, { ...written, exception: written.exception ?? "b", yearBegins: under.yearBegins, law: undefined }],
        ];
      const { law, mistake } = lawFor(written, under);
      if (mistake !== undefined) {
        const path: Path = ["classes", name, mistake.key];
        mistakes.push({
          place: places.valuePlaceOf(path),
          what: `${path.join(".")}: ${mistake.what}`,
          hint: mistake.hint,
        });
      }
      return law === undefined ? [] : [[name, classOf(written, law, under)]];
    },
  );
  return { classes: Object.fromEntries(resolved), mistakes };
};

type WrittenLaw = Extract<WrittenClass, { law: string }>;
type Found = {
  readonly law?: Law;
  readonly mistake?: { readonly key: keyof WrittenLaw; readonly what: string; readonly hint: string };
};

const lawFor = (written: WrittenLaw, under: Under): Found => {
  const jurisdiction = written.jurisdiction ?? under.country;
  if (jurisdiction === undefined) {
    const hint = "name a `jurisdiction`, or give the controller's country in the configuration";
    return { mistake: { key: "law", what: "of which country?", hint } };
  }
  const law = lawOf(under, written.law, jurisdiction);
  if (law !== undefined) return { law, ...tooShort(written, law) };
  const here = under.versions.filter((version) => version.jurisdiction === jurisdiction);
  const known = [...new Set(here.map((version) => version.class))];
  const own = "describe the class yourself: basis, period and anchor";
  if (known.includes(written.law)) {
    const what = `no version of the class for ${jurisdiction} is in force on ${under.on.toString()}`;
    return { mistake: { key: "law", what, hint: own } };
  }
  const meant = nearest(written.law, known);
  const hint = meant === undefined ? own : `did you mean \`${meant}\`?`;
  return { mistake: { key: "law", what: `no such class is known to Lethe for ${jurisdiction}`, hint } };
};

/** A policy may keep longer than the law asks, and says why; never shorter. */
const tooShort = ({ period }: WrittenLaw, law: Law): Found => {
  if (period === undefined) return {};
  const day = Temporal.PlainDate.from("2027-01-01");
  if (Temporal.Duration.compare(period, law.period, { relativeTo: day }) >= 0) return {};
  const hint = "leave `period` out, or keep as long as the law asks";
  return { mistake: { key: "period", what: `shorter than the law asks: ${durationText(law.period)}`, hint } };
};

const classOf = (written: WrittenLaw, law: Law, under: Under): RetentionClass => ({
  basis: law.citation,
  period: written.period ?? law.period,
  anchor: law.anchor,
  exception: "b",
  yearBegins: under.yearBegins,
  law: {
    jurisdiction: law.jurisdiction,
    class: law.class,
    period: law.period,
    verify: law.verify,
    longer: written.why,
  },
});
