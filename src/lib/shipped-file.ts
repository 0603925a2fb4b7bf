import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** The text of a file that ships with Lethe, by its path in the repository: sources and built package lie at different depths. */
export const shippedText = (relative: string): string => {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, relative);
    if (existsSync(candidate) || folder === path.dirname(folder)) return readFileSync(candidate, "utf8");
  }
};
