import type { Place } from "#lib/errors.ts";
import { LetheError } from "#lib/errors.ts";

/** One line of an import file as text. A formula in a workbook arrives as `=`: its text is of no use to us. */
export type ImportRecord = { readonly line: number; readonly cells: readonly string[] };

/** Far above what identifiers need, far below what hurts: characters in a record, bytes in a line. */
export const longestRecord = 64 * 1024;
export const mostColumns = 64;

export const refusedWidth = (place: Place): LetheError =>
  new LetheError("IMPORT_TOO_WIDE", `a row has more than ${mostColumns} columns or ${longestRecord} characters`, {
    place,
    hint: "export only the columns that identify people; nothing was imported",
  });

export const refusedWorkbook = (file: string, message: string): LetheError =>
  new LetheError("IMPORT_NOT_A_WORKBOOK", message, {
    place: { file },
    hint: "save the list as an Excel workbook (.xlsx) without a password, or as CSV UTF-8; nothing was imported",
  });
