import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { policySchema } from "#policy/schema/document.ts";

/** The file that editors check policies against: `# yaml-language-server: $schema=policy.schema.json`. */
export const jsonSchemaFile = path.resolve(import.meta.dirname, "../../policies/policy.schema.json");

export const jsonSchemaText = (): string =>
  `${JSON.stringify(z.toJSONSchema(policySchema, { io: "input" }), undefined, 2)}\n`;

/** Writes the file, or with `--check` fails when it is not current. */
const main = async (check: boolean): Promise<void> => {
  const text = jsonSchemaText();
  if (!check) return writeFile(jsonSchemaFile, text);
  if ((await readFile(jsonSchemaFile, "utf8")) === text) return;
  process.stderr.write("policies/policy.schema.json is not current: run node -C source src/policy/json-schema.ts\n");
  process.exitCode = 1;
};

if (import.meta.main) await main(process.argv.includes("--check"));
