import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";
import type { Json } from "#lib/canonical.ts";

export const register = (program: Command, shell: Shell): void => {
  program
    .command("plan")
    .description("what would happen to requests and why; changes nothing")
    .argument("[id...]", "references of requests; without any, all that are not decided or done")
    .action(async (refs: readonly string[]) => {
      const [{ forecast }, { requestsToPlan }, { planText }] = await Promise.all([
        import("#forecast.ts"),
        import("#intake/requests-to-plan.ts"),
        import("#cli/plan-text.ts"),
      ]);
      const { forecasts, planned } = await shell.withContext(async (context) => {
        const requests = await requestsToPlan(context.state.db, refs);
        return { forecasts: await forecast(context, requests), planned: requests.length };
      });
      shell.answer({ requests: planned, stores: forecasts as unknown as Json }, () => planText(forecasts, planned));
    });
};
