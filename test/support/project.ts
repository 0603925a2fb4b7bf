import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { generateKeys, type KeyPaths } from "#lib/keys.ts";
import { stateDatabase } from "#test/support/context.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

export type ProjectOptions = {
  /** SQL that makes the store `shop`. */
  readonly schema: string;
  /** YAML of the policy for it. */
  readonly policy: string;
  /** Sections of lethe.yaml that are added or replaced, e.g. `schedule`. */
  readonly sections?: Readonly<Record<string, unknown>>;
};

export type Project = {
  /** Where lethe.yaml, policy.yaml and keys/ are: the working directory for the command line. */
  readonly directory: string;
  readonly keys: KeyPaths;
  readonly store: TestDatabase;
  readonly state: TestDatabase;
  readonly dispose: () => Promise<void>;
};

/** What a user has after `lethe init`, on fresh databases of the test run's server: for tests of the real command line. */
export const createProject = async ({ schema, policy, sections = {} }: ProjectOptions): Promise<Project> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-project-"));
  const keys = await generateKeys(join(directory, "keys"));
  const [state, store] = await Promise.all([stateDatabase(), createDatabase(schema)]);
  const config = {
    controller: {
      name: "Shop GmbH",
      country: "DE",
      region: "BE",
      dpo: "dpo@shop.example",
      time_zone: "Europe/Berlin",
    },
    state: { url: state.url },
    stores: { shop: { url: store.url, policy: "policy.yaml" } },
    ...sections,
  };
  await writeFile(join(directory, "lethe.yaml"), stringify(config), { mode: 0o600 });
  await writeFile(join(directory, "policy.yaml"), policy);
  return {
    directory,
    keys,
    store,
    state,
    dispose: async () => {
      await Promise.all([state.drop(), store.drop(), rm(directory, { recursive: true, force: true })]);
    },
  };
};
