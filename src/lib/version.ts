import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The version in package.json, which is one folder up from src/ and two from dist/src/. */
export const toolVersion = (): string => {
  for (let directory = import.meta.dirname; directory !== dirname(directory); directory = dirname(directory)) {
    const version = versionIn(join(directory, "package.json"));
    if (version !== undefined) return version;
  }
  return "0.0.0";
};

const versionIn = (path: string): string | undefined => {
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof found !== "object" || found === null || !("name" in found) || !("version" in found)) return undefined;
    return found.name === "lethe" && typeof found.version === "string" ? found.version : undefined;
  } catch {
    return undefined;
  }
};
