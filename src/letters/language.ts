import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import mustache from "mustache";
import { z } from "zod";
import { extensionReasons } from "#intake/duties.ts";
import { refusalReasons } from "#intake/decision.ts";
import { LetheError } from "#lib/errors.ts";
import { refuseMistakes } from "#lib/mistakes.ts";
import { shippedPath } from "#lib/shipped-file.ts";
import { readYaml } from "#lib/yaml-document.ts";
import { taskStates } from "#records/task.ts";
import { outcomes, treatments } from "#records/treatment.ts";

export const letterKinds = ["acknowledgement", "extension", "refusal", "completion"] as const;
export type LetterKind = (typeof letterKinds)[number];

const text = z.string().min(1);

const languageSchema = z.strictObject({
  language: text,
  locale: text.refine(
    (locale) => Intl.DateTimeFormat.supportedLocalesOf(locale).length > 0,
    "not a locale, such as en-GB",
  ),
  subject: text,
  salutation: text,
  closing: text,
  letters: z.strictObject({ acknowledgement: text, extension: text, refusal: text, completion: text, remedies: text }),
  certificate: z.strictObject({
    subject: text,
    text,
    outcomes: z.record(z.enum(outcomes), text),
    treatments: z.record(z.enum(treatments), text),
  }),
  exception: text,
  extensionReasons: z.record(z.enum(extensionReasons), text),
  refusalReasons: z.record(z.enum(refusalReasons), text),
  taskStates: z.record(z.enum(taskStates), text),
});

/** Texts to data subjects in one language: templates (Mustache) over what the register knows of a request. */
export type Language = z.output<typeof languageSchema>;

/** What the templates may name. A name that is none would leave a gap in a letter. */
const inLetters: ReadonlySet<string> = new Set(
  `reference received due basis identity extensionReason refusalReason erased anyRetained retained category until exception anyStays
  stays why backups backupsHeld anyRecipients recipients recipient state remedies dpo letter citation`.split(/\s+/),
);

const inCertificates: ReadonlySet<string> = new Set(
  `number reference made controller dpo received due basis approvals day plan ground searched run stores store outcome anyRecords records place rows
  treatment until law exception anyStays stays why anyEnded ended residuals places restores since refused anyBackups completed none later unsettled left repository sets logs holds
  anyRecipients recipients recipient task asked done failed anyCopies copies sha256 tools size root key`.split(/\s+/),
);

const folder = "reports/letters";

/** The languages that there are texts in: a file each in `reports/letters`. */
export const languages = async (): Promise<readonly string[]> =>
  (await readdir(shippedPath(folder)))
    .flatMap((file) => (file.endsWith(".yaml") ? [file.slice(0, -5)] : []))
    .toSorted();

/** Throws `USAGE` for a language without a file, `CONFIG_INVALID` with the place of what is wrong in it. */
export const readLanguage = async (code: string): Promise<Language> => {
  const known = await languages();
  if (!known.includes(code)) {
    throw new LetheError("USAGE", "there are no texts in that language", {
      hint: `known: ${known.join(", ")}; another language is another file in ${folder}`,
    });
  }
  const file = `${folder}/${code}.yaml`;
  return parseLanguage(file, await readFile(join(shippedPath(folder), `${code}.yaml`), "utf8"));
};

export const parseLanguage = (file: string, source: string): Language => {
  const hint = "mend the texts; they have the same keys in every language";
  const { value, valuePlaceOf } = readYaml({
    file,
    text: source,
    schema: languageSchema,
    code: "CONFIG_INVALID",
    hint,
  });
  const { subject, exception, letters, certificate } = value;
  const templates: readonly (readonly [readonly string[], string, ReadonlySet<string>])[] = [
    [["subject"], subject, inLetters],
    [["exception"], exception, inLetters],
    ...Object.entries(letters).map(([key, template]) => [["letters", key], template, inLetters] as const),
    [["certificate", "subject"], certificate.subject, inCertificates],
    [["certificate", "text"], certificate.text, inCertificates],
  ];
  const mistakes = templates.flatMap(([path, template, names]) =>
    unknownNames(template, names).map((name) => ({
      place: valuePlaceOf(path),
      what: `${path.join(".")}: {{${name}}} is nothing that ${path[0] === "certificate" ? "a certificate" : "a letter"} knows`,
    })),
  );
  refuseMistakes("CONFIG_INVALID", mistakes, hint);
  return value;
};

const unknownNames = (template: string, names: ReadonlySet<string>): readonly string[] => {
  const found: string[] = [];
  const walk = (tokens: readonly unknown[]): void => {
    for (const token of tokens as readonly (readonly unknown[])[]) {
      const [type, name, , , children] = token;
      if (type === "text") continue;
      if (typeof name === "string" && !names.has(name)) found.push(name);
      if (Array.isArray(children)) walk(children);
    }
  };
  walk(mustache.parse(template));
  return found;
};
