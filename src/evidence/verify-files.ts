import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { envelopeFile } from "#evidence/dsse.ts";
import { missing, tampered } from "#evidence/faults.ts";
import { hashFile } from "#evidence/hash-file.ts";
import { requiredFiles, type Statement, type Subject } from "#evidence/statement.ts";

export type VerifiedFile = { readonly name: string; readonly sha256: string; readonly bytes: number };

/** Step 3: the directory holds exactly the files of the statement, each a regular file with the digest it names. */
export const verifyFiles = async (
  directory: string,
  { subject, predicateType }: Statement,
): Promise<readonly VerifiedFile[]> => {
  const names = subject.map(({ name }) => name);
  const ordered = names.every((name, index) => index === 0 || (names[index - 1] ?? "") < name);
  if (!ordered || names.includes(envelopeFile))
    throw tampered(envelopeFile, "does not list its files once each, in order");
  const absent = requiredFiles[predicateType].find((name) => !names.includes(name));
  if (absent !== undefined) throw missing(absent, "is not in the signed statement");
  await refuseOthers(directory, new Set([...names, envelopeFile]));
  const files: VerifiedFile[] = [];
  for (const each of subject) files.push(await verifyFile(directory, each));
  return files;
};

const verifyFile = async (directory: string, { name, digest }: Subject): Promise<VerifiedFile> => {
  const path = join(directory, name);
  const facts = await lstat(path).catch(() => undefined);
  if (facts === undefined) throw missing(name, "is missing from the bundle");
  // A symbolic link would let what is verified and what is read later differ; a pipe would never end.
  if (!facts.isFile()) throw tampered(name, "is not a regular file");
  const sha256 = await hashFile(path);
  if (sha256 !== digest.sha256) throw tampered(name, "is not the file that was signed: its SHA-256 differs");
  return { name, sha256, bytes: facts.size };
};

/** Stops at the first, so that a directory of millions of entries costs nothing. */
const refuseOthers = async (directory: string, expected: ReadonlySet<string>): Promise<void> => {
  for await (const { name } of await opendir(directory)) {
    if (!expected.has(name)) throw tampered(name, "is in the bundle, but the signed statement does not know it");
  }
};
