import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { edit, makeBundle, type TestBundle } from "#test/evidence/bundle.ts";
import { letheHere } from "#test/support/here.ts";

const verify = async (bundle: TestBundle, ...more: readonly string[]) => {
  const key = join(bundle.directory, "..", "public.pem");
  await writeFile(key, bundle.publicKeyPem);
  // A directory without configuration: the command must not miss it.
  return letheHere(["verify", bundle.directory, "--key", key, ...more], { cwd: tmpdir() });
};

test("lethe verify tells each step, the key, the run and the counts", async () => {
  const bundle = await makeBundle();
  const { code, stdout, stderr } = await verify(bundle);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout.split("\n").filter((line) => line.startsWith("✓"))).toHaveLength(8);
  for (const part of [bundle.keyId, "20261102T020000Z-ABCDEF", "7 received = 3 done"]) expect(stdout).toContain(part);
});

test("lethe verify --json prints one document", async () => {
  const bundle = await makeBundle();
  const { code, stdout } = await verify(bundle, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ verified: true, keyId: bundle.keyId, counts: { received: 7 } });
});

test("lethe verify exits with 4 and names the file that changed", async () => {
  const bundle = await makeBundle();
  await edit(bundle, "report.json", (text) => text.replace('"received":7', '"received":6'));
  const { code, stdout, stderr } = await verify(bundle);
  expect(code).toBe(4);
  expect(stdout).toBe("");
  expect(stderr).toContain("EVIDENCE_TAMPERED");
  expect(stderr).toContain("report.json");
});

test("lethe verify without a key, or with one that is not there, is a mistake of usage", async () => {
  const bundle = await makeBundle();
  expect((await letheHere(["verify", bundle.directory])).code).toBe(2);
  const { code, stderr } = await letheHere(["verify", bundle.directory, "--key", join(bundle.directory, "none.pem")]);
  expect(code).toBe(2);
  expect(stderr).toContain("KEY_MISSING");
});
