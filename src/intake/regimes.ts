import { z } from "zod";
import { isDuration } from "#lib/duration-text.ts";
import { shippedText } from "#lib/shipped-file.ts";
import { readYaml } from "#lib/yaml-document.ts";
import { regimeNames } from "#records/controller.ts";

const text = z.string().min(1);

const end = z.strictObject({
  within: z.string().refine(isDuration, "expected an ISO 8601 duration, such as P1M"),
  moved: z.boolean(),
  basis: text,
});

const regime = z.strictObject({
  regime: z.enum(regimeNames),
  countries: z.array(z.string().regex(/^[A-Z]{2}$/)),
  confirm: z.strictObject({ working_days: z.int().min(1), basis: text }).optional(),
  answer: end,
  extended: end,
  refusal: z.strictObject({ extends: z.boolean(), basis: text }),
  identity: z.enum(["both", "none"]),
});

/** By when a law wants a request to be answered. */
export type Regime = z.output<typeof regime>;
export type RegimeEnd = z.output<typeof end>;

const file = "policies/deadlines.yaml";
let known: readonly Regime[] | undefined;

/** The regimes that ship: data with citations. */
export const regimes = (): readonly Regime[] => {
  known ??= readYaml({
    file,
    text: shippedText(file),
    schema: z.array(regime),
    code: "CONFIG_INVALID",
    hint: "mend the regime",
  }).value;
  return known;
};

/** The regime of that name; of a controller who names none, its country's, else, where no file names the country, the GDPR. */
export const regimeOf = ({
  country,
  regime: name,
}: {
  readonly country: string;
  readonly regime?: string | undefined;
}): Regime => {
  const all = regimes();
  const found =
    name === undefined
      ? (all.find(({ countries }) => countries.includes(country)) ?? all.find((each) => each.regime === "gdpr"))
      : all.find((each) => each.regime === name);
  if (found === undefined) throw new TypeError(`no regime ${name ?? country}`);
  return found;
};
