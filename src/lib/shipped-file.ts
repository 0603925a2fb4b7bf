import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** The text of a file that ships with Lethe, by its path in the repository. */
export const shippedText = (relative: string): string => readFileSync(shippedPath(relative), "utf8");

/** Where it is: the sources and the built package lie at different depths below the folder that holds both. */
export const shippedPath = (relative: string): string => {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, relative);
    if (existsSync(candidate) || folder === path.dirname(folder)) return candidate;
  }
};
