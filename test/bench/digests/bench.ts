import { execFile } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { mkdir, open, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { say } from "#test/bench/copies.ts";
import { aimLine, median, rounded, type Aim } from "#test/bench/figures.ts";

export type DigestsOptions = {
  readonly files: number;
  readonly megabytes: number;
  readonly turns: number;
  /** Where the files are written and stay, to be read again. */
  readonly directory: string;
};

type Read = { readonly seconds: number; readonly digests: Readonly<Record<string, string>> };
type Inventory = Read & { readonly megabytes: number };

const run = promisify(execFile);

/** `sha256sum` of many distributions does without the processor's instructions for it, which OpenSSL uses. */
const tools = { sha256sum: ["sha256sum"], openssl: ["openssl", "dgst", "-sha256", "-r"] } as const;

/**
 * What a night does with new dumps, which is to hash them, against `sha256sum` and `openssl` over the same files, all from the page cache and in turns.
 * Throws where they do not find the same digests.
 */
export const benchDigests = async ({ files, megabytes, turns, directory }: DigestsOptions) => {
  await writeFiles(directory, files, megabytes);
  const names = (await readdir(directory)).toSorted();

  const byTool = async ([program, ...args]: (typeof tools)[keyof typeof tools]): Promise<Read> => {
    const began = performance.now();
    const { stdout } = await run(program, [...args, ...names], { cwd: directory });
    const seconds = (performance.now() - began) / 1000;
    const lines = stdout.trim().split("\n");
    return { seconds, digests: Object.fromEntries(lines.map((line) => [line.slice(66), line.slice(0, 64)])) };
  };
  const byLethe = async (): Promise<Inventory> => {
    const script = resolve(import.meta.dirname, "inventory-process.ts");
    const { stdout } = await run(process.execPath, ["-C", "source", script, directory]);
    return JSON.parse(stdout) as Inventory;
  };

  const measured: { readonly sha256sum: Read; readonly openssl: Read; readonly inventory: Inventory }[] = [];
  for (let turn = 1; turn <= turns; turn += 1) {
    const read = {
      sha256sum: await byTool(tools.sha256sum),
      openssl: await byTool(tools.openssl),
      inventory: await byLethe(),
    };
    if (new Set(Object.values(read).map(({ digests }) => JSON.stringify(digests))).size > 1)
      throw new Error("the digests differ");
    measured.push(read);
    say(
      `turn ${turn}: ${Object.entries(read)
        .map(([what, { seconds }]) => `${what} ${seconds.toFixed(1)} s`)
        .join(", ")}`,
    );
  }
  const of = (who: "sha256sum" | "openssl" | "inventory"): number => median(measured.map((read) => read[who].seconds));
  const medians = { sha256sum: of("sha256sum"), openssl: of("openssl"), inventory: of("inventory") };
  const peak = Math.max(...measured.map(({ inventory }) => inventory.megabytes));
  const aims: Aim[] = [{ what: "inventory / sha256sum", measured: medians.inventory / medians.sha256sum, atMost: 1 }];
  const speeds = Object.entries(medians).map(([who, seconds]) => `${who} ${rounded((files * megabytes) / seconds)}`);
  const text = [
    `digests of ${files} files of ${megabytes} MB, megabytes a second: ${speeds.join(", ")}; peak memory ${rounded(peak)} MB`,
    ...aims.map(aimLine),
  ].join("\n");
  return { summary: { files, megabytes, medians, peak, aims }, text };
};

/** Of bytes that no compression by a file system makes less of. */
const writeFiles = async (directory: string, files: number, megabytes: number): Promise<void> => {
  await mkdir(directory, { recursive: true });
  const block = Buffer.alloc(1_000_000);
  for (let index = 1; index <= files; index += 1) {
    await using file = await open(join(directory, `dump-${index}.bin`), "w");
    for (let written = 0; written < megabytes; written += 1) await file.write(randomFillSync(block));
  }
};
