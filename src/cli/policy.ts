import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";

export const register = (program: Command, shell: Shell): void => {
  const policy = program.command("policy").description("retention policies against the stores they are for");
  policy
    .command("check")
    .description("coverage and contradictions: every finding with its place and what to write instead")
    .action(async () => {
      const [{ checkPolicies }, { checkText }] = await Promise.all([
        import("#policy-check.ts"),
        import("#cli/policy-text.ts"),
      ]);
      const checks = await shell.withContext(checkPolicies);
      shell.answer(checks, () => checkText(checks));
      if (checks.some(({ findings }) => findings.length > 0)) shell.exitWith(3);
    });
};
