// The inventory of a directory of dumps by itself: DIRECTORY. Prints how long it took, its peak memory, and each file's digest.
import { directoryRepository } from "#backups/directory/repository.ts";

const [path = ""] = process.argv.slice(2);
const config = { name: "bench", kind: "directory", store: "shop", path, keepDays: 30 } as const;
const began = performance.now();
const { sets } = await directoryRepository(config, "UTC").inventory(new Map());
const seconds = (performance.now() - began) / 1000;
const digests = Object.fromEntries(sets.map(({ name, sha256 }) => [name, sha256]));
process.stdout.write(JSON.stringify({ seconds, megabytes: process.resourceUsage().maxRSS / 1024, digests }));
