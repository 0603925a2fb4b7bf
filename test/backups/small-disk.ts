import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

/** A file system of its own, so small that it can be filled. */
export type SmallDisk = {
  /** Takes all the room that there is, or comes to be, until it is emptied. */
  readonly fill: () => void;
  /** Somebody who takes whatever room comes to be at once. */
  readonly keepFull: () => Promise<void>;
  readonly empty: () => Promise<void>;
  readonly unmount: () => void;
};

/** Over a directory; undefined where that is not permitted. */
export const smallDisk = async (path: string, size: string): Promise<SmallDisk | undefined> => {
  await mkdir(path, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  const filler = join(path, ".filler");
  let writer: ReturnType<typeof spawn> | undefined;
  const fill = (): void => {
    const file = openSync(filler, "a");
    const page = Buffer.alloc(4_096, 1);
    try {
      for (;;) writeSync(file, page);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    } finally {
      closeSync(file);
    }
  };
  const stop = async (): Promise<void> => {
    if (writer === undefined) return;
    const closed = once(writer, "close");
    writer.kill("SIGKILL");
    await closed;
    writer = undefined;
  };
  return {
    fill,
    keepFull: async () => {
      fill();
      const endlessly = `const fs = require("node:fs"), page = Buffer.alloc(4096, 1), file = fs.openSync(process.argv[1], "a");
        for (;;) try { fs.writeSync(file, page); } catch {}`;
      writer = spawn(process.execPath, ["-e", endlessly, filler], { stdio: "ignore" });
      await once(writer, "spawn");
    },
    empty: async () => {
      await stop();
      rmSync(filler, { force: true });
    },
    unmount: () => {
      writer?.kill("SIGKILL");
      execFileSync("umount", ["--lazy", path]);
    },
  };
};
