import { resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { makeShell } from "#cli/make-shell.ts";
import type { Shell } from "#cli/shell.ts";
import type { SamplePolicy } from "#demo/policies.ts";
import type { DemoServer } from "#demo/server.ts";

/** Where a sample company lives while a command works on it. */
export type Place = {
  readonly directory: string;
  readonly server: DemoServer;
  /** The commands inside are the real ones: they find the company as they would find anybody's, by its configuration. */
  readonly inside: Shell["withContext"];
};

/** Claims a directory, starts the company's server in it, and stops that again. */
export const inDirectory = async <T>(shell: Shell, path: string, work: (place: Place) => Promise<T>): Promise<T> => {
  const [{ claim, configIn }, { freshServer }] = await Promise.all([
    import("#demo/workspace.ts"),
    import("#demo/server.ts"),
  ]);
  const directory = resolve(path);
  await claim(directory);
  await using server = await freshServer(directory);
  const config = configIn(directory);
  const { withContext } = makeShell(() => ({ ...shell.options(), config }), { status: 0, answered: false });
  return await work({ directory, server, inside: withContext });
};

export const tools = async (directory: string, policy: SamplePolicy) => {
  const [{ furnish }, { foundCompany }, { demonstrate }] = await Promise.all([
    import("#demo/workspace.ts"),
    import("#demo/company.ts"),
    import("#demo/night.ts"),
  ]);
  return { workspace: await furnish(directory, policy), foundCompany, demonstrate };
};

export const say = (shell: Shell, text: string): void => {
  if (!shell.options().json) process.stderr.write(text);
};

export const positive = (text: string): number => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("expected a whole number above 0.");
  return number;
};
