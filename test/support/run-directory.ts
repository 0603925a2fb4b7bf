import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const memory = "/dev/shm";
/** Bytes: a run has taken a quarter of the first at most. The second leaves as much again to the processes. */
const needed = { room: 4 * 2 ** 30, memory: 8 * 2 ** 30 } as const;

/**
 * A fresh directory for everything a test run writes. A run makes and drops databases by the hundred, each of three hundred files:
 * in memory that takes half the time, so Linux's file system in memory is used where it has room and lets programs run.
 */
export const makeRunDirectory = async (): Promise<string> => {
  const directory = (await inMemory()) ?? (await mkdtemp(join(tmpdir(), "lethe-test-")));
  // The account that runs PostgreSQL for root has to pass.
  await chmod(directory, 0o711);
  await mkdir(join(directory, "tmp"), { mode: 0o711 });
  return directory;
};

const inMemory = async (): Promise<string | undefined> => {
  const room = await statfs(memory).catch(() => undefined);
  if (room === undefined || room.bavail * room.bsize < needed.room) return undefined;
  if (process.availableMemory() < needed.memory) return undefined;
  const directory = await mkdtemp(join(memory, "lethe-test-")).catch(() => undefined);
  if (directory === undefined || (await runsPrograms(directory))) return directory;
  await rm(directory, { recursive: true });
  return undefined;
};

const runsPrograms = async (directory: string): Promise<boolean> => {
  const program = join(directory, "program");
  await writeFile(program, "#!/bin/sh\n", { mode: 0o700 });
  try {
    execFileSync(program, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  } finally {
    await rm(program);
  }
};
