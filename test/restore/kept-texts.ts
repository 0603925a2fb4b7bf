import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { dumpDatabase } from "#test/flow/dump.ts";
import { unzipped } from "#test/flow/unzip.ts";
import type { Project } from "#test/support/project.ts";

/** Whatever Lethe keeps, and has published: its own database, statistics included, and the files of all reports. */
export const keptTexts = async ({ state, directory }: Project): Promise<readonly string[]> => {
  const texts = [...(await dumpDatabase(state)).values()];
  const reports = await readdir(join(directory, "reports/out"), { recursive: true, withFileTypes: true });
  for (const entry of reports.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    texts.push(entry.name.endsWith(".xlsx") ? await unzipped(path) : await readFile(path, "utf8"));
  }
  return texts;
};
