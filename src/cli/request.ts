import type { Command } from "commander";
import { registerRequests } from "#cli/request-commands.ts";
import type { Shell } from "#cli/shell.ts";
import { planForApproval } from "#forecast.ts";

/** `lethe request …`: intake. An approval binds to the plan that the pipeline makes of the requests. */
export const register = (program: Command, shell: Shell): void => registerRequests(program, shell, planForApproval);
