import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { refusalDate } from "#intake/deadline.ts";
import type { RefusalReason } from "#intake/decision.ts";
import type { LockedRequest } from "#intake/reference.ts";
import { regimeOf } from "#intake/regimes.ts";
import { dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import type { ExceptionLetter } from "#records/exception.ts";
import type { LateRefusal } from "#records/request.ts";

/** As a person writes it. */
export type WrittenRefusal = { readonly reason: RefusalReason; readonly citation?: string | undefined };

/** Why a request is refused; on an exception of Art. 17(3) GDPR, its letter and the provision that makes it (A6). */
export type Refusal = {
  readonly reason: RefusalReason;
  readonly exception: ExceptionLetter | null;
  readonly citation: string | null;
};

const letters: Readonly<Partial<Record<RefusalReason, ExceptionLetter>>> = {
  "freedom-of-expression": "a",
  "legal-obligation": "b",
  "public-interest": "b",
  "public-health": "c",
  "archiving-or-research": "d",
  "legal-claims": "e",
};

/**
 * Exceptions name the provision that they rest on, other reasons name none. Throws `REQUEST_INVALID`, and does not quote what was written:
 * people write sentences about persons here.
 */
export const refusalOf = ({ reason, citation: written }: WrittenRefusal): Refusal => {
  const exception = letters[reason];
  if (exception === undefined) {
    if (written === undefined) return { reason, exception: null, citation: null };
    throw invalid(`a refusal for ${reason} rests on no exception of Art. 17(3) GDPR`, "leave the citation out");
  }
  const hint = `give the provision, such as HGB §257: up to ${longest} letters, digits and .,:;()/&§-, with its § or article, and no name`;
  if (written === undefined) {
    throw invalid(`a refusal for ${reason} wants the provision that it rests on`, `add --citation; ${hint}`);
  }
  const citation = written.normalize("NFC").trim().replaceAll(/\s+/gu, " ");
  if (isCitation(citation)) return { reason, exception, citation };
  throw invalid("the citation is none", `${hint}: it goes into the ledger and the letter`);
};

const longest = 80;

/**
 * A law by its name, and what of it: a paragraph, article or section with its number. Nothing that a person could be written to or called by, nothing that Markdown would take for
 * emphasis or a link, and no letters that the standard fonts of PDF do not know.
 */
const isCitation = (text: string): boolean =>
  text.length <= longest &&
  /^[A-Za-zÀ-ÖØ-öø-ÿ§][A-Za-zÀ-ÖØ-öø-ÿ0-9 .,:;()/&§-]*$/.test(text) &&
  /(§|\b(art|article|section|s|no|reg|rule)\b\.?)\s?[A-Z]?\d|\d\s?§/i.test(text) &&
  !/(\d[ /-]?){7}/.test(text);

/**
 * How late a refusal is that is decided at this moment; undefined when it is in time. It is refused all the same: the person has to be told.
 * No check of who they are stops the clock (A5). What repeats an erasure after a restore was asked by nobody, and nobody waits for its answer.
 */
export const latenessOf = (
  { config }: Pick<Context, "config">,
  { received, regime, extended, repeats }: LockedRequest,
  at: Temporal.Instant,
): LateRefusal | undefined => {
  if (repeats) return undefined;
  const { controller } = config;
  const known = regimeOf({ country: controller.country, regime });
  const { due, basis } = refusalDate(Temporal.PlainDate.from(received), controller, known, extended);
  const { days } = due.until(dayIn(at, controller.timeZone));
  return days > 0 ? { due: due.toString(), basis, days } : undefined;
};

const invalid = (message: string, hint: string): LetheError => new LetheError("REQUEST_INVALID", message, { hint });
