import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyRepository } from "#test/flow/copy-repository.ts";
import { repository } from "#test/support/cli.ts";

const timeout = 300_000;
const start = promisify(execFile);

let directory: string;
let folder: string;
let files: readonly string[];

/** As npm scripts run: this process's Node comes first in the path. */
const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
const npm = async (cwd: string, program: "npm" | "npx", ...args: string[]): Promise<string> =>
  (await start(program, args, { cwd, env: { ...process.env, PATH: path, NO_COLOR: "1" }, maxBuffer: 1 << 26 })).stdout;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-package-"));
  await chmod(directory, 0o755);
  folder = join(directory, "empty");
  await mkdir(folder);
  const clone = join(directory, "lethe");
  await copyRepository(clone);
  await symlink(join(repository, "node_modules"), join(clone, "node_modules"));
  const packed = await npm(clone, "npm", "pack", "--json", "--silent", "--pack-destination", directory);
  const [described] = Object.values(
    JSON.parse(packed) as Record<string, { filename: string; files: { path: string }[] }>,
  );
  files = (described?.files ?? []).map((file) => file.path);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true }));
  const tarball = join(directory, described?.filename ?? "");
  await npm(folder, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--omit=optional", tarball);
}, timeout);
afterAll(() => rm(directory, { recursive: true, force: true }));

test("the tarball holds what runs and what it reads, and neither tests nor reports of somebody's", () => {
  expect(files).toEqual(
    expect.arrayContaining([
      "dist/src/main.js",
      "dist/jobs/nightly.js",
      "dist/reports/run-report.js",
      "README.md",
      "LICENSE",
    ]),
  );
  expect(files).toEqual(expect.arrayContaining(["policies/policy.schema.json", "policies/retention-classes.yaml"]));
  expect(files.filter((name) => /(^|\/)(test|keys|out|\.lethe)\/|\.test\./.test(name))).toEqual([]);
});

test("installed into an empty folder it answers for its version", async () => {
  const { version } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as { version: string };
  expect(await npm(folder, "npx", "lethe", "--version")).toBe(`${version}\n`);
});

test("every command finds its modules there", async () => {
  const help = await npm(folder, "npx", "lethe", "--help");
  for (const command of [
    "demo",
    "init",
    "request",
    "policy",
    "plan",
    "run",
    "schedule",
    "backups",
    "report",
    "verify",
  ]) {
    expect(help).toMatch(new RegExp(`^  ${command} `, "m"));
  }
});

test("without the optional PostgreSQL it says what is missing instead of breaking", async () => {
  const ended = npm(folder, "npx", "lethe", "demo", "--json");
  await expect(ended).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining("EMBEDDED_FAILED") });
});
