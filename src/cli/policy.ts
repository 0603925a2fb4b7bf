import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";
import type { Json } from "#lib/canonical.ts";

export const register = (program: Command, shell: Shell): void => {
  const policy = program.command("policy").description("retention policies against the stores they are for");
  policy
    .command("check")
    .description("coverage, contradictions and examples: every finding with its place and what to write instead")
    .action(async () => {
      const [{ checkPolicies }, { checkText }] = await Promise.all([
        import("#policy-check.ts"),
        import("#cli/policy-text.ts"),
      ]);
      const checks = await shell.withContext(checkPolicies);
      shell.answer(checks, () => checkText(checks));
      if (checks.some(({ findings }) => findings.length > 0)) shell.exitWith(3);
    });
  policy
    .command("explain")
    .description("what happens to a table or a column, under which line, and why")
    .argument("<table[.column]>", "as the policy names it: invoices, invoices.total, crm.notes.body")
    .action(async (name: string) => {
      const [{ explainName }, { explainText }] = await Promise.all([
        import("#policy-explain.ts"),
        import("#cli/explain-text.ts"),
      ]);
      const explanations = await shell.withContext((context) => explainName(context, name));
      shell.answer(explanations, () => explainText(explanations));
    });
  policy
    .command("grants")
    .description("the SQL that lets a role carry out the policies, and nothing else; for an owner of the tables to run")
    .requiredOption("--role <name>", "the role with which Lethe logs in")
    .action(async ({ role }: { readonly role: string }) => {
      const { grantsOfStores } = await import("#policy-grants.ts");
      const stores = await shell.withContext((context) => grantsOfStores(context, role));
      shell.answer(stores, () =>
        stores
          .map(({ store, database, grants }) => [`-- store ${store}: on database ${database}`, ...grants].join("\n"))
          .join("\n\n"),
      );
    });
  policy
    .command("schema")
    .description("the JSON schema with which editors complete and check policies; needs no configuration")
    .option("--check <file>", "compare with a file instead, and fail when it is not current")
    .action(async ({ check }: { check?: string }) => {
      const [{ jsonSchema, jsonSchemaText }, { checkSchemaFile }] = await Promise.all([
        import("#policy/json-schema.ts"),
        import("#policy/check-schema.ts"),
      ]);
      if (check === undefined) {
        shell.answer(jsonSchema() as Json, jsonSchemaText);
        return;
      }
      await checkSchemaFile(check);
      shell.answer({ current: true, file: check }, () => `${check} is current`);
    });
};
