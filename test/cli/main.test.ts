import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { lethe } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-cli-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("--version prints the version of the package and --help the commands", async () => {
  expect(await lethe(["--version"])).toMatchObject({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
  const help = await lethe(["--help"]);
  expect(help.code).toBe(0);
  const commands = [
    "demo",
    "init",
    "request",
    "policy",
    "plan",
    "run",
    "schedule",
    "backups",
    "report",
    "register",
    "verify",
  ];
  for (const command of commands) expect(help.stdout).toContain(`  ${command}`);
});

test.each([[["frobnicate"]], [["run", "frobnicate"]], [["--frobnicate"]], [["verify"]], [[]]])(
  "%j is a usage error",
  async (args) => {
    const ended = await letheHere(args, { cwd: directory });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain("error USAGE: ");
    expect(ended.stderr).toContain("  hint: ");
  },
);

test("a time that is none is refused before anything is opened", async () => {
  const ended = await lethe(["run", "--now", "yesterday"], { cwd: directory });
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toMatch(/error USAGE: --now/);
});

test("with --json an error is exactly one document on standard output, wherever the option stands", async () => {
  for (const args of [
    ["--json", "run", "frobnicate"],
    ["run", "frobnicate", "--json"],
  ]) {
    const ended = await lethe(args, { cwd: directory });
    expect(ended).toMatchObject({ code: 2, stderr: "" });
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: "USAGE" } });
  }
});

test("a configuration that is not there is named, with what to do", async () => {
  const ended = await letheHere(["schedule", "--json"], { cwd: directory });
  expect(ended.code).toBe(2);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    error: { code: "CONFIG_MISSING", hint: expect.stringContaining("lethe init") },
  });
});
