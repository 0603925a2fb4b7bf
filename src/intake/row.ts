import { Temporal } from "temporal-polyfill";
import type { Controller } from "#config.ts";
import { confirmationDate, dueDate } from "#intake/deadline.ts";
import type { ColumnRole, Header } from "#intake/header.ts";
import { normalise } from "#intake/normalise.ts";
import { regimeOf } from "#intake/regimes.ts";
import type { RowCode } from "#intake/rejections.ts";
import { dayIn } from "#lib/clock.ts";
import { regimeNames, type RegimeName } from "#records/controller.ts";
import { defaultPurpose, grounds, identifierKinds, type Ground, type Identifier } from "#records/request.ts";

/** A request as it enters the register. Dates are ISO dates. */
export type Entrant = {
  readonly receivedOn: string;
  readonly dueOn: string;
  readonly basis: string;
  readonly regime: RegimeName;
  readonly confirmOn: string | undefined;
  readonly ground: Ground | undefined;
  readonly purpose: string;
  /** At least one, no two the same. */
  readonly identifiers: readonly Identifier[];
};

export type ParsedRow =
  | { readonly ok: true; readonly entrant: Entrant }
  | { readonly ok: false; readonly code: RowCode };

/** Text by column; a column that is absent or blank is undefined or "". */
export type Fields = Readonly<Partial<Record<ColumnRole, string>>>;

/** Cells of a file under their header. Cells that a spreadsheet would run are refused, so that no export of ours carries them on. */
export const parseCells = (
  cells: readonly string[],
  header: Header,
  controller: Controller,
  today: Temporal.PlainDate,
): ParsedRow => {
  // Some programs end every line with a delimiter; a missing field may have moved the others under a wrong column.
  if (cells.length < header.length) return refused("FIELD_COUNT");
  if (cells.slice(header.length).some((cell) => cell.trim() !== "")) return refused("FIELD_COUNT");
  const fields: Partial<Record<ColumnRole, string>> = {};
  for (const [index, role] of header.entries()) {
    const cell = cells[index]?.trim() ?? "";
    if ((role === "phone" ? /^[=@-]/ : /^[=+@-]/).test(cell)) return refused("FORMULA");
    fields[role] = cell;
  }
  return parseFields(fields, controller, today);
};

/** Fields from a file or the command line → an entrant with its deadline, or the first thing that is wrong. */
export const parseFields = (fields: Fields, controller: Controller, today: Temporal.PlainDate): ParsedRow => {
  const received = parseReceived(fields.received ?? "", controller, today);
  if (typeof received === "string") return refused(received);
  const identifiers: Identifier[] = [];
  for (const kind of identifierKinds) {
    const text = fields[kind]?.trim() ?? "";
    if (text === "") continue;
    const result = normalise(kind, text, controller.country);
    if (!result.ok) return refused(result.code);
    identifiers.push(result.identifier);
  }
  if (identifiers.length === 0) return refused("IDENTIFIER_MISSING");
  const ground = fields.ground?.trim().toLowerCase() ?? "";
  const known = grounds.find((candidate) => candidate === ground);
  if (ground !== "" && known === undefined) return refused("GROUND_INVALID");
  const purpose = fields.purpose?.trim().toLowerCase() ?? "";
  if (purpose !== "" && !/^[a-z][a-z0-9-]{0,39}$/.test(purpose)) return refused("PURPOSE_INVALID");
  const named = fields.regime?.trim().toLowerCase() ?? "";
  if (named !== "" && !isRegime(named)) return refused("REGIME_INVALID");
  const regime = regimeOf({ country: controller.country, regime: named === "" ? controller.regime : named });
  const { due, basis } = dueDate(received, controller, regime);
  return {
    ok: true,
    entrant: {
      receivedOn: received.toString(),
      dueOn: due.toString(),
      basis,
      regime: regime.regime,
      confirmOn: confirmationDate(received, controller, regime)?.due.toString(),
      ground: known,
      purpose: purpose === "" ? defaultPurpose : purpose,
      identifiers,
    },
  };
};

const isRegime = (name: string): name is RegimeName => (regimeNames as readonly string[]).includes(name);

// The GDPR applies from here on (Art. 99(2)); an earlier day of receipt is a mistake in the file.
const firstDay = Temporal.PlainDate.from("2018-05-25");

/** The day of receipt in the controller's time zone. */
const parseReceived = (
  text: string,
  controller: Controller,
  today: Temporal.PlainDate,
): Temporal.PlainDate | RowCode => {
  if (text.trim() === "") return "RECEIVED_MISSING";
  const day = parseDay(text.trim(), controller.timeZone);
  if (day === undefined) return "RECEIVED_INVALID";
  if (Temporal.PlainDate.compare(day, today) > 0) return "RECEIVED_IN_FUTURE";
  return Temporal.PlainDate.compare(day, firstDay) < 0 ? "RECEIVED_TOO_EARLY" : day;
};

const parseDay = (text: string, timeZone: string): Temporal.PlainDate | undefined => {
  try {
    if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return Temporal.PlainDate.from(text);
    const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;
    return instant.test(text) ? dayIn(Temporal.Instant.from(text), timeZone) : undefined;
  } catch {
    return undefined;
  }
};

const refused = (code: RowCode): ParsedRow => ({ ok: false, code });
