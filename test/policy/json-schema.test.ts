import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { jsonSchema, jsonSchemaText } from "#policy/json-schema.ts";
import { repository } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";

/** Data of the law beside the policies. */
const laws = ["retention-classes.yaml", "deadlines.yaml"];

const file = join(repository, "policies/policy.schema.json");

it("policies/policy.schema.json is what the parser checks; run `npm run --silent lethe -- policy schema > policies/policy.schema.json` when it is not", async () => {
  expect(await readFile(file, "utf8")).toBe(`${jsonSchemaText()}\n`);
});

it("the schema refuses unknown keys and knows the treatments", () => {
  const schema = JSON.parse(jsonSchemaText()) as { additionalProperties: boolean; required: string[] };
  expect(schema.additionalProperties).toBe(false);
  expect(schema.required).toEqual(["policy", "version", "effective", "owner", "subject", "tables"]);
  for (const treatment of ["erase", "anonymise", "retain", "keep"])
    expect(jsonSchemaText()).toContain(`"const": "${treatment}"`);
});

it("every key of the language says on hover what it means", () => {
  const silent: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, inner] of Object.entries(node)) {
      if (key === "properties") {
        for (const [name, property] of Object.entries(
          inner as Record<string, { description?: string; $ref?: string }>,
        )) {
          if (property.description === undefined && property.$ref === undefined) silent.push(`${path}.${name}`);
        }
      }
      visit(inner, key === "properties" ? path : `${path}.${key}`);
    }
  };
  visit(jsonSchema(), "");
  expect(silent).toEqual([]);
});

it("the policies that ship name the schema beside them, and pass it", async () => {
  const schema = z.fromJSONSchema(jsonSchema());
  const names = (await readdir(join(repository, "policies"))).filter((name) => name.endsWith(".yaml"));
  for (const name of names.filter((each) => !laws.includes(each))) {
    const text = await readFile(join(repository, "policies", name), "utf8");
    expect([name, text.split("\n")[0]]).toEqual([name, "# yaml-language-server: $schema=policy.schema.json"]);
    expect([name, schema.safeParse(parse(text)).error?.issues]).toEqual([name, undefined]);
    expect(schema.safeParse({ ...(parse(text) as object), verison: 3 }).success).toBe(false);
  }
});

describe("lethe policy schema", () => {
  it("prints the schema without a configuration, on one line with --json", async () => {
    const printed = await letheHere(["policy", "schema"], { cwd: tmpdir() });
    expect([printed.code, printed.stderr, printed.stdout]).toEqual([0, "", await readFile(file, "utf8")]);
    const line = await letheHere(["policy", "schema", "--json"], { cwd: tmpdir() });
    expect(line.stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(line.stdout)).toEqual(JSON.parse(printed.stdout));
  });

  it("says with --check whether a file is current, and how to make it so", async () => {
    const directory = await mkdtemp(join(tmpdir(), "lethe-schema-"));
    try {
      const check = () => letheHere(["policy", "schema", "--check", "policy.schema.json"], { cwd: directory });
      const hint = "hint: write it again: lethe policy schema > policy.schema.json\n";
      const missing = await check();
      expect([missing.code, missing.stderr]).toEqual([
        3,
        expect.stringMatching(new RegExp(`^error POLICY_SCHEMA: .*${hint}$`, "s")),
      ]);
      await writeFile(join(directory, "policy.schema.json"), `${jsonSchemaText()}\n`);
      const current = await check();
      expect([current.code, current.stdout]).toEqual([0, "policy.schema.json is current\n"]);
      await writeFile(join(directory, "policy.schema.json"), jsonSchemaText().replace("data subject", "data  subject"));
      const stale = await check();
      expect([stale.code, stale.stderr]).toEqual([
        3,
        `error POLICY_SCHEMA: the schema for editors is not that of this version\n  at policy.schema.json\n  ${hint}`,
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
