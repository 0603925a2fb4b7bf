import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// `source` makes `#dir/file.ts` resolve to the TypeScript in src/, as `node -C source` does.
const conditions = ["source", "node"];

/** Where tests start processes and servers, from the longest on. */
const long = [
  "/fault/killed.",
  "/rehearsal/",
  "/restore/killed",
  "/backups/pgbackrest/restore",
  "/backups/restic/killed",
  "/restore/commands",
  "/bench/",
  "/holds/commands",
  "/demo/",
  "/fault/",
  "/flow/",
  "/db/",
  "/conformance/",
  "/execute/",
  "/cli/",
  "/export/",
  "/register/",
];

/** Those first, so that no worker is left with a long file at the end: vitest itself knows how long they take only from the second run on. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const index = long.findIndex((folder) => moduleId.includes(folder));
      return index === -1 ? long.length : index;
    };
    return files.toSorted((a, b) => place(a) - place(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    pool: "forks",
    // One more than the cores of the smallest machine: tests wait for locks, processes and the disk.
    maxWorkers: 3,
    // Databases, directories and ports are each file's own, and loading the sources a hundred times takes a sixth of the whole run.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // Only what hangs takes so long: a busy machine is no reason to fail.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
