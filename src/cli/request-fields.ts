import type { ColumnRole } from "#intake/header.ts";
import type { Fields } from "#intake/row.ts";
import { LetheError } from "#lib/errors.ts";
import { identifierKinds } from "#records/request.ts";

export type FieldOptions = {
  readonly email?: string;
  readonly phone?: string;
  readonly externalId?: string;
  readonly key?: string;
  readonly deviceId?: string;
  readonly received?: string;
  readonly ground?: string;
  readonly purpose?: string;
  readonly regime?: string;
};

export const fieldsFrom = ({ externalId, deviceId, ...others }: FieldOptions): Fields => ({
  ...others,
  ...(externalId === undefined ? {} : { external_id: externalId }),
  ...(deviceId === undefined ? {} : { device_id: deviceId }),
});

const roles: readonly ColumnRole[] = [...identifierKinds, "received", "ground", "purpose", "regime"];
const mostCharacters = 16_384;

/** `kind=value` lines: what is piped in is seen by nobody else, unlike arguments. Mistakes name the line, not its text. */
export const readFieldLines = async (input: AsyncIterable<Buffer | string>): Promise<Fields> => {
  let text = "";
  for await (const chunk of input) {
    text += String(chunk);
    if (text.length > mostCharacters) throw refusedLine("standard input holds more than one request can need");
  }
  const fields: Partial<Record<ColumnRole, string>> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const equals = line.indexOf("=");
    const name = line.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    const role = roles.find((candidate) => candidate === name);
    if (role === undefined)
      throw refusedLine(`line ${index + 1} of standard input does not begin with a known kind and =`);
    if (fields[role] !== undefined)
      throw refusedLine(`line ${index + 1} of standard input gives ${role} a second time`);
    fields[role] = line.slice(equals + 1).trim();
  }
  return fields;
};

const refusedLine = (message: string): LetheError =>
  new LetheError("USAGE", message, {
    hint: `write one of ${roles.join(", ")}, then =, then the value, each on its own line`,
  });
