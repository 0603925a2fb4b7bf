import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";

export type Person = { readonly identity: string; readonly recipient: string };

/** Somebody who can read exports. */
export const makePerson = async (): Promise<Person> => {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
};

/** Whether the program that auditors have is here; `.ci/run` installs it. */
export const ageInstalled = spawnSync("age", ["--version"]).status === 0;

export const decryptWithLibrary = async (file: string, { identity }: Person): Promise<string> => {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(await readFile(file), "text");
};

const decryptWithAge = async (file: string, { identity }: Person): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-identity-"));
  try {
    const key = join(directory, "key.txt");
    await writeFile(key, `${identity}\n`, { mode: 0o600 });
    return (await promisify(execFile)("age", ["-d", "-i", key, file], { maxBuffer: 2 ** 28 })).stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
};

/** The clear text of an export: by the real `age` where there is one, otherwise by the library. */
export const decrypt = ageInstalled ? decryptWithAge : decryptWithLibrary;

export type ExportLines = {
  readonly first: Readonly<Record<string, unknown>>;
  /** In the order of the alphabet: within a table they come in none. */
  readonly rows: readonly { readonly table: string; readonly row: unknown }[];
  readonly last: unknown;
};

export const readExport = async (file: string, person: Person): Promise<ExportLines> => {
  const text = await decrypt(file, person);
  if (!text.endsWith("\n")) throw new Error("the last line is not whole");
  const [first, ...others] = text.slice(0, -1).split("\n");
  const lines = others.map((line) => JSON.parse(line) as ExportLines["rows"][number]);
  return {
    first: JSON.parse(first ?? "") as ExportLines["first"],
    rows: lines.slice(0, -1).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    last: lines.at(-1),
  };
};
