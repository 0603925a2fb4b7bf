import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { LetheError } from "#lib/errors.ts";
import type { SamplePolicy } from "#demo/policies.ts";
import { generateKeys, type KeyPaths } from "#lib/keys.ts";

/** The demo's own directory, everything in it made by us. */
export type Workspace = {
  readonly directory: string;
  readonly config: string;
  readonly requests: string;
  readonly backups: string;
  readonly keys: KeyPaths;
};

export const timeZone = "Europe/Berlin";
export const databases = { state: "demo_lethe", store: "demo_shop" } as const;

const marker = ".lethe-demo";
const mark = "This directory belongs to `lethe demo`, which empties it whenever it starts.\n";

const configText = `# The sample company of \`lethe demo\`: made anew each time it runs.
controller:
  name: Lumen Streaming GmbH (sample)
  country: DE
  region: BE
  dpo: dpo@lumen.example
  time_zone: ${timeZone}
state: { embedded: ${databases.state} }
stores:
  shop: { embedded: ${databases.store}, policy: policy.yaml }
backups:
  nightly: { kind: directory, store: shop, path: backups, keep_days: 30 }
reports: { directory: reports }
schedule: { nightly: '0 2 * * *' }
keys: { signing: keys/signing.pem, pseudonym: keys/pseudonym.key }
`;

/**
 * Empties and furnishes a directory that was claimed: configuration, keys, policy. The embedded PostgreSQL in it stays,
 * since making one takes longer than emptying it.
 */
export const furnish = async (directory: string, policy: SamplePolicy): Promise<Workspace> => {
  for (const name of [
    "backups",
    "keys",
    "reports",
    "lethe.yaml",
    "policy.yaml",
    "policy.schema.json",
    "requests.csv",
  ]) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
  const config = configIn(directory);
  await writeFile(config, configText);
  const policies = await policyFolder();
  await copyFile(join(policies, `${policy}.yaml`), join(directory, "policy.yaml"));
  await copyFile(join(policies, "policy.schema.json"), join(directory, "policy.schema.json"));
  return {
    directory,
    config,
    requests: join(directory, "requests.csv"),
    backups: join(directory, "backups"),
    keys: await generateKeys(join(directory, "keys")),
  };
};

export const configIn = (directory: string): string => join(directory, "lethe.yaml");

/** Makes the directory ours. Throws `FILE_EXISTS` when it holds something and is not. */
export const claim = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true });
  const names = await readdir(directory);
  if (names.length === 0) await writeFile(join(directory, marker), mark, { flag: "wx" });
  const found = await readFile(join(directory, marker), "utf8").catch(() => undefined);
  if (found === mark) return;
  throw new LetheError("FILE_EXISTS", "the directory for the demo holds files that the demo did not make", {
    hint: "name an empty directory with --directory; nothing was removed",
    place: { file: directory },
  });
};

/** `policies/` lies beside `src/` in the repository and beside `dist/` in the package. */
const policyFolder = async (): Promise<string> => {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const found = await stat(resolve(folder, "policies/policy.schema.json")).catch(() => undefined);
    if (found !== undefined) return resolve(folder, "policies");
  }
  throw new LetheError("POLICY_MISSING", "the sample policy is not where the package puts it", {
    hint: "install lethe again",
  });
};
