import mustache from "mustache";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { broughtBackInto } from "#db/brought-back.ts";
import { showRequest, type RequestView } from "#intake/show.ts";
import { dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import type { Language, LetterKind } from "#letters/language.ts";
import type { ExtensionReason } from "#intake/duties.ts";
import type { RefusalReason } from "#intake/decision.ts";
import type { ExceptionLetter } from "#records/exception.ts";

/** A text that is ready to send once somebody has added the person's name and address, which Lethe does not know. */
export type Letter = {
  readonly reference: string;
  readonly kind: LetterKind;
  readonly subject: string;
  /** CommonMark. */
  readonly markdown: string;
};

/**
 * Writes a text to the data subject of what the register says of the request now: nothing is promised that is not on record (I12). Throws
 * `REQUEST_UNKNOWN`, `REQUEST_STATE` for a text that would not be true, and `STORE_RESTORED` where it is not true for now.
 */
export const composeLetter = async (
  ctx: Context,
  reference: string,
  kind: LetterKind,
  language: Language,
): Promise<Letter> => {
  const view = await showRequest(ctx, reference);
  requireTrue(view, kind);
  const back = kind === "completion" ? await broughtBackInto(ctx.state.db, view.ref) : undefined;
  if (back !== undefined) {
    throw new LetheError(
      "STORE_RESTORED",
      `store ${back} was restored to a time before request ${view.ref} was erased`,
      {
        hint: "write once it is released: see `lethe backups guard`",
      },
    );
  }
  const facts = factsOf(ctx, view, language);
  // Nothing here is HTML, and a citation keeps its ampersand.
  const render = (template: string): string =>
    mustache.render(template, facts, { remedies: language.letters.remedies.trim() }, { escape: String }).trim();
  const subject = render(language.subject);
  const { name } = ctx.config.controller;
  const date = dateIn(language)(dayIn(ctx.clock.now(), ctx.config.controller.timeZone).toString());
  const parts = [
    `${name}, ${date}`,
    `# ${subject}`,
    language.salutation,
    render(language.letters[kind]),
    language.closing,
    name,
  ];
  return { reference: view.ref, kind, subject, markdown: `${parts.join("\n\n")}\n` };
};

const requireTrue = ({ ref, state, extended }: RequestView, kind: LetterKind): void => {
  const refused = (what: string, hint: string): LetheError =>
    new LetheError("REQUEST_STATE", `request ${ref} ${what}`, { hint });
  const done = state === "erased" || state === "archived" || state === "completed";
  if (kind === "extension" && extended === null) {
    throw refused("is not extended", "extend it first: `lethe request extend`");
  }
  if (kind === "refusal" && state !== "refused")
    throw refused(`is ${state}, not refused`, "refuse it first, with its reason");
  if (kind === "completion" && !done)
    throw refused(`is ${state}, not erased`, "wait for the night that erases and verifies it");
};

const factsOf = (ctx: Context, view: RequestView, language: Language): Readonly<Record<string, unknown>> => {
  const date = dateIn(language);
  const retained = view.dispositions
    .filter(
      ({ treatment, rows, until, ended }) => treatment === "retain" && rows > 0 && until !== null && ended === null,
    )
    .map(({ table, until, basis, exception }) => ({
      category: categoryOf(table),
      until: until && date(until),
      basis: basis ?? "",
      exception: exception && exceptionIn(language, exception),
    }));
  const stays = view.stays
    .filter(({ rows }) => rows > 0)
    .map(({ table, column, why, until }) => ({
      category: `${categoryOf(table)}, ${categoryOf(column)}`,
      why,
      until: until && date(until),
    }));
  const recipients = view.tasks.map(({ recipient, state }) => ({ recipient, state: language.taskStates[state] }));
  const days = (instant: string | null): string | null =>
    instant && date(dayIn(Temporal.Instant.from(instant), ctx.config.controller.timeZone).toString());
  const held = view.state === "erased" && view.backups.some(({ holds }) => holds.length > 0);
  return {
    reference: view.ref,
    received: date(view.received),
    due: date(view.due),
    basis: view.basis,
    identity: view.identity && view.identity.proven === null && date(view.identity.asked),
    extensionReason: view.extended && language.extensionReasons[view.extended.reason as ExtensionReason],
    refusalReason: view.reason && language.refusalReasons[view.reason as RefusalReason],
    citation: view.refusal?.citation,
    exception: view.refusal?.exception && exceptionIn(language, view.refusal.exception),
    erased: days(view.erasedAt),
    // Mustache shows a list's section once an item: what stands around the list asks whether there is one.
    anyRetained: retained.length > 0,
    retained: merged(retained),
    anyStays: stays.length > 0,
    stays,
    backups: view.state === "completed" || held || view.backupsClearOn === null ? null : date(view.backupsClearOn),
    backupsHeld: held,
    anyRecipients: recipients.length > 0,
    recipients: [...new Map(recipients.map((each) => [`${each.recipient} ${each.state}`, each])).values()],
    dpo: ctx.config.controller.dpo,
  };
};

/** The same said twice, of two tables that people call by one name, is said once. */
const merged = <T extends Readonly<Record<string, unknown>>>(items: readonly T[]): readonly T[] => [
  ...new Map(items.map((item) => [JSON.stringify(item), item])).values(),
];

const categoryOf = (name: string): string => name.slice(name.lastIndexOf(".") + 1).replaceAll("_", " ");

/** Why the law lets the controller keep it, as people cite it in their language. */
export const exceptionIn = ({ exception }: Language, letter: ExceptionLetter): string =>
  mustache.render(exception, { letter }, {}, { escape: String });

export const dateIn = ({ locale }: Language): ((day: string) => string) => {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" });
  return (day) => format.format(Temporal.PlainDate.from(day).toZonedDateTime("UTC").epochMilliseconds);
};
