import { LetheError } from "#lib/errors.ts";
import { readText } from "#lib/read-text.ts";
import { jsonSchemaText } from "#policy/json-schema.ts";

/** Throws POLICY_SCHEMA when a file that editors use is not the schema of this version. */
export const checkSchemaFile = async (file: string): Promise<void> => {
  const hint = `write it again: lethe policy schema > ${file}`;
  const text = await readText(file, { what: "schema", missing: "POLICY_SCHEMA", invalid: "POLICY_SCHEMA", hint });
  if (text.trimEnd() === jsonSchemaText()) return;
  throw new LetheError("POLICY_SCHEMA", "the schema for editors is not that of this version", {
    place: { file },
    hint,
  });
};
