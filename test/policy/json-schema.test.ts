import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { jsonSchemaFile, jsonSchemaText } from "#policy/json-schema.ts";

it("policies/policy.schema.json is what the parser checks; run `node -C source src/policy/json-schema.ts` when it is not", async () => {
  expect(await readFile(jsonSchemaFile, "utf8")).toBe(jsonSchemaText());
});

it("the schema refuses unknown keys and knows the treatments", () => {
  const schema = JSON.parse(jsonSchemaText()) as { additionalProperties: boolean; required: string[] };
  expect(schema.additionalProperties).toBe(false);
  expect(schema.required).toEqual(["policy", "version", "effective", "owner", "subject", "tables"]);
  for (const treatment of ["erase", "anonymise", "retain", "keep"])
    expect(jsonSchemaText()).toContain(`"const": "${treatment}"`);
});
