import { execFileSync } from "node:child_process";
import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { repository } from "#test/support/cli.ts";

/** What a clone would hold but for the tests, with what has not been committed yet: building in it leaves the repository alone. */
export const copyRepository = async (target: string): Promise<void> => {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repository,
    env: { ...process.env, GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" },
  });
  for (const name of listed.toString("utf8").split("\0").filter(Boolean)) {
    if (/^(test|\.ci)\//.test(name)) continue;
    await mkdir(dirname(join(target, name)), { recursive: true });
    // Listed, but deleted since.
    await cp(join(repository, name), join(target, name)).catch(() => undefined);
  }
};
