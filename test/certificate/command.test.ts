import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

// Each test starts several processes, one after the other.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let project: Project;
let ref: string;
beforeAll(async () => {
  project = await createProject({
    schema:
      "create table customers (id int primary key, email text); insert into customers values (1, 'ada.canary@shop.example')",
    policy: `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: erase }
`,
  });
  const { stdout } = await run("request", "add", "--email", "ada.canary@shop.example", "--json");
  ({ ref } = JSON.parse(stdout) as { ref: string });
});
afterAll(() => project.dispose());

const run = (...args: string[]) =>
  letheHere([...args, "--now", "2026-11-03T09:00:00Z"], { cwd: project.directory, env: { LETHE_USER: "dpo" } });

test("`lethe request certificate` writes what `lethe verify` checks, once the request is erased", async () => {
  const early = await run("request", "certificate", ref);
  expect(early).toMatchObject({ code: 1, stdout: "" });
  expect(early.stderr).toContain("REQUEST_STATE");
  await run("request", "approve", ref);
  await run("run");
  const { code, stdout } = await run("request", "certificate", ref.toLowerCase(), "--out", "proof", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ request: ref, directory: join(project.directory, "proof") });
  const verified = await run("verify", "proof", "--key", "keys/public.pem");
  expect(verified).toMatchObject({ code: 0, stderr: "" });
  expect(verified.stdout).toMatch(/^✓ what the certificate says of its request is what these entries tell/m);
  expect(verified.stdout).toMatch(new RegExp(`^request {5}${ref}, received on 2026-11-03: \\w+$`, "m"));
  expect(await run("request", "certificate", ref)).toMatchObject({ code: 0 });
  expect((await readdir(project.directory)).filter((name) => /certificate|proof/.test(name)).toSorted()).toEqual([
    `certificate-${ref}`,
    "proof",
  ]);
});
