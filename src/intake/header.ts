import { LetheError } from "#lib/errors.ts";
import { identifierKinds, type IdentifierKind } from "#records/request.ts";
import { mostColumns, refusedWidth, type ImportRecord } from "#intake/import-record.ts";

export type ColumnRole = IdentifierKind | "received" | "ground" | "purpose" | "regime";

/** What each column of the file is, in the file's order. */
export type Header = readonly ColumnRole[];

const roles: readonly ColumnRole[] = ["received", "ground", "purpose", "regime", ...identifierKinds];
const known = roles.join(", ");

/**
 * Reads the header: `received`, at least one kind of identifier, optionally `ground`, `purpose` and `regime`, in any order and case. There is
 * no column for notes, since free text brings in personal data that nobody asked for. The header's text is never quoted:
 * in a file without one, it is a person.
 */
export const parseHeader = (record: ImportRecord, file: string): Header => {
  const place = { file, line: record.line };
  if (record.cells.length > mostColumns) throw refusedWidth(place);
  const header = record.cells.map((cell, index) => {
    const name = cell.normalize("NFC").trim().toLowerCase();
    const role = roles.find((candidate) => candidate === name);
    if (role === undefined)
      throw refusedHeader(`column ${index + 1} of the header is unknown`, { ...place, column: index + 1 });
    return role;
  });
  const twice = header.findIndex((role, index) => header.indexOf(role) !== index);
  if (twice >= 0)
    throw refusedHeader(`the header has the column ${header[twice]} twice`, { ...place, column: twice + 1 });
  if (!header.includes("received")) throw refusedHeader("the header lacks the column received", place);
  if (!identifierKinds.some((kind) => header.includes(kind))) {
    throw refusedHeader("the header has no column that names a person", place);
  }
  return header;
};

const refusedHeader = (message: string, place: { file: string; line: number; column?: number }): LetheError =>
  new LetheError("IMPORT_HEADER", message, {
    place,
    hint: `name the columns in the first row; known are ${known}; received and one identifier are required; nothing was imported`,
  });
