import { mkdir, open, rm } from "node:fs/promises";

/** Makes the names in a directory last through a power cut. Windows cannot open directories, and needs no such thing. */
export const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** An empty directory, whatever a crash left there, inside one that exists. */
export const freshDirectory = async (directory: string, mode?: number): Promise<void> => {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { mode });
};

const refusals: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EFBIG: "it takes no files of this size",
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "it is read-only",
  ENOTDIR: "a part of its path is a file",
  EEXIST: "there is a file of that name",
  // Also what making several directories at once says on a read-only disk.
  ENOENT: "it has disappeared, or cannot be made",
  ENAMETOOLONG: "its path is too long",
  ENOTEMPTY: "another program wrote to it",
  EISDIR: "another program wrote to it",
  EIO: "the disk has failed",
  EMFILE: "too many files are open",
};

/** In words, why the file system refused something in a directory; undefined for every other error. */
export const refusalOf = (error: unknown): string | undefined => {
  const code = error instanceof Error && "code" in error && "syscall" in error ? String(error.code) : "";
  return Object.hasOwn(refusals, code) ? refusals[code] : undefined;
};
