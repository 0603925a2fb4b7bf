import { resolve } from "node:path";
import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";

type Options = { readonly out?: string; readonly from?: string; readonly to?: string };

/** `lethe register export`. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("register")
    .description("the data protection officer's register of requests (Art. 5(2), 30 GDPR)")
    .command("export")
    .description("write it as a workbook: requests, clocks, decisions, holds, what became of the records; reconciled")
    .option("--out <file>", "the workbook, which must not exist yet; lethe-register-<today>.xlsx unless given")
    .option("--from <day>", "requests received on this day or later, YYYY-MM-DD; all unless given")
    .option("--to <day>", "requests received on this day or earlier, YYYY-MM-DD")
    .action(async ({ out, from, to }: Options) => {
      const [{ exportRegister }, { parsePeriod, periodText }, { equationText }, { todayOf }] = await Promise.all([
        import("#register/export-register.ts"),
        import("#register/period.ts"),
        import("#register/reconcile.ts"),
        import("#intake/requests.ts"),
      ]);
      const period = parsePeriod({ from, to });
      const written = await shell.withContext(async (context) => {
        const file = resolve(out ?? `lethe-register-${todayOf(context).toString()}.xlsx`);
        return { register: file, ...(await exportRegister(context, period, file)) };
      });
      shell.answer(written, () => [periodText(period), equationText(written.requests), written.register].join("\n"));
    });
};
