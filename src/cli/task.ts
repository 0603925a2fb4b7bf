import type { Command } from "commander";
import { whoDecides } from "#cli/request-arguments.ts";
import type { Shell } from "#cli/shell.ts";
import { table } from "#cli/table.ts";
import { settleTasks, type Settled } from "#intake/settle-tasks.ts";
import { listTasks, type TaskLine } from "#intake/tasks.ts";
import { LetheError } from "#lib/errors.ts";
import { taskStates, type TaskState } from "#records/task.ts";

/** `lethe task …`: what recipients have to do, and what somebody says became of it. */
export const register = (program: Command, shell: Shell): void => {
  const task = program.command("task").description("what others have to erase: look at it, and say what became of it");
  task
    .command("list")
    .description(
      "tasks of recipients, the oldest first. With --json each names the record as the recipient knows it, for the program that " +
        "delivers it: keep that output to yourself. The name stands in no report, log or ledger entry",
    )
    .option("--state <state>", `${taskStates.join(", ")} or all`, "open")
    .action(async ({ state }: { readonly state: string }) => {
      const wanted = parseTaskState(state);
      const tasks = await shell.withContext(async (context) => {
        const lines: TaskLine[] = [];
        for await (const line of listTasks(context, wanted)) lines.push(line);
        return lines;
      });
      shell.answer({ tasks }, () => tasksText(tasks, state));
    });

  for (const state of ["done", "failed"] as const) {
    task
      .command(state)
      .description(
        state === "done"
          ? "the recipient has done it; its name for the record is forgotten"
          : "the recipient did not do it and will not; its name for the record is forgotten",
      )
      .argument("<id...>", "numbers of tasks, as `lethe task list` shows them; all or none are settled")
      .option("--by <name>", "who says so; LETHE_USER or the operating system's user unless given")
      .action(async (ids: string[], { by }: { readonly by?: string }) => {
        const settlement = { state, by: whoDecides(by) };
        const settled = await shell.withContext((context) => settleTasks(context, ids, settlement));
        shell.answer({ settled }, () => settledText(settled));
      });
  }
};

const parseTaskState = (text: string): TaskState | undefined => {
  if (text === "all") return undefined;
  const state = taskStates.find((candidate) => candidate === text);
  if (state !== undefined) return state;
  throw new LetheError("USAGE", "there is no such state", { hint: `states: ${taskStates.join(", ")}, all` });
};

const tasksText = (tasks: readonly TaskLine[], state: string): string =>
  tasks.length === 0
    ? `no ${state === "all" ? "" : `${state} `}tasks`
    : table(
        tasks.map(({ id, request, store, recipient, task, state: now, age }) => [
          id,
          request,
          store,
          recipient,
          task,
          now,
          age ?? "",
        ]),
        [
          { title: "task", align: "right" },
          { title: "request" },
          { title: "store" },
          { title: "recipient" },
          { title: "what" },
          { title: "state" },
          { title: "days", align: "right" },
        ],
      );

const settledText = (settled: readonly Settled[]): string =>
  settled.map(({ id, request, state }) => `task ${id} of ${request} is ${state}`).join("\n");
