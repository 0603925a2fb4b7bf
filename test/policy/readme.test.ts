import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { exitOf } from "#lib/error-codes.ts";
import { checkPolicies } from "#policy-check.ts";
import { deletionModes } from "#policy/policy.ts";
import { holderIn, lawIn } from "#test/policy/holder.ts";
import { loadPolicy } from "#policy/load.ts";
import { parsePolicy } from "#policy/parse.ts";
import { treatments } from "#records/treatment.ts";
import { repository } from "#test/support/cli.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

const law = lawIn("DE");

type Written = Readonly<Record<string, unknown>> & { readonly tables?: Readonly<Record<string, unknown>> };

const text = readFileSync(join(repository, "policies/README.md"), "utf8");
const blocks = (language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, block]) => block ?? "");
const [whole = "", ...snippets] = blocks("yaml");
const schema = blocks("sql").join("\n");

/** As the page says: in the place of the sections of the same name; under `tables`, of the tables that it names. */
const spliced = (snippet: string): string => {
  const [base, changed] = [whole, snippet].map((part) => parse(part) as Written);
  return stringify({ ...base, ...changed, tables: { ...base?.tables, ...changed?.tables } });
};

let opened: TestContext;
beforeAll(async () => {
  opened = await testContext({ schema, policy: whole });
});
afterAll(() => opened.dispose());

const check = async (policy: string) => {
  const [store] = opened.context.stores;
  if (store === undefined) throw new Error("no store");
  const parsed = parsePolicy("README.md", policy, law);
  const [checked] = await checkPolicies({ ...opened.context, stores: [{ ...store, policy: parsed }] });
  return checked;
};

describe("policies/README.md", () => {
  it("shows a whole policy that covers its shop and whose examples hold", async () => {
    const checked = await check(whole);
    expect(checked?.findings).toEqual([]);
    expect(checked?.examples).toEqual({ run: 2, held: 2 });
  });

  it.each(snippets.map((snippet, index) => [index + 1, snippet.split("\n")[0] ?? "", snippet] as const))(
    "snippet %i (%s) can be spliced into it, and its examples hold",
    async (_, _first, snippet) => {
      const checked = await check(spliced(snippet));
      expect(checked?.findings).toEqual([]);
      expect(checked?.examples.held).toBe(checked?.examples.run);
      expect(checked?.examples.run).toBeGreaterThan(0);
    },
  );

  it("would notice a snippet that is wrong", async () => {
    const wrong = snippets.find((snippet) => snippet.includes("HAS_CHILDREN"))?.replace("remedied", "kept") ?? "";
    expect((await check(spliced(wrong)))?.findings.map(({ code }) => code)).toEqual(["POLICY_EXAMPLE"]);
  });

  it("explains every treatment, and every mode by the files that use it", async () => {
    for (const treatment of treatments) expect(text).toContain(`| \`${treatment}\` |`);
    const files = ["juicyway", "flexprice", "chargebee", "polar", "flexportal"];
    const modes = await Promise.all(
      files.map(
        async (file) => (await loadPolicy(join(repository, `policies/${file}.yaml`), holderIn("DE"))).deletion.mode,
      ),
    );
    for (const mode of deletionModes) {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${mode}\``)) ?? "";
      const named = [...row.matchAll(/\[(\w+)\.yaml\]/g)].map(([, file]) => file);
      expect([mode, named]).toEqual([mode, files.filter((_, index) => modes[index] === mode)]);
    }
  });

  it("explains every word of an example, every transform, and every code that a check reports", () => {
    for (const word of ["erased", "anonymised", "retained", "stays", "spared", "kept", "unlinked", "remedied"]) {
      expect(text).toMatch(new RegExp(`^\\| \`${word}\``, "m"));
    }
    for (const transform of ["set", "unique", "redact", "truncate", "generalise", "rekey", "shuffle", "now", "stays"]) {
      expect(text).toMatch(new RegExp(`^\\| \`\\{ ${transform}: `, "m"));
    }
    const table = text.slice(text.indexOf("## Findings"));
    const source = readFileSync(join(repository, "src/lib/error-codes.ts"), "utf8");
    const codes = [...source.matchAll(/^ {2}([A-Z_]+): 3,/gm)].map(([, code]) => code ?? "");
    expect(codes.length).toBeGreaterThan(12);
    for (const code of [...codes, "ROW_SECURITY", "DATABASE_PRIVILEGE"]) expect(table).toContain(`\`${code}\``);
    expect(exitOf("POLICY_EXAMPLE")).toBe(3);
  });
});
