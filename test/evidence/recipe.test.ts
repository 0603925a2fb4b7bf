import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeBundle, type TestBundle } from "#test/evidence/bundle.ts";
import { completed, erased, inventory, makeCertificate, received } from "#test/evidence/certificate.ts";
import { flipBit } from "#test/evidence/tamper.ts";
import { repository } from "#test/support/cli.ts";

const tools = ["bash", "openssl", "jq", "sha256sum", "base64"];
const absent = tools.filter((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);

const recipe = async (): Promise<string> => {
  const readme = await readFile(join(repository, "reports/README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, block]) => block ?? "");
  const [only] = blocks.filter((block) => block.includes("openssl pkeyutl -verify"));
  if (only === undefined) throw new Error("reports/README.md has lost its recipe");
  return only;
};

const follow = async (bundle: TestBundle, publicKeyPem = bundle.publicKeyPem) => {
  const key = join(bundle.directory, "..", "public.pem");
  await writeFile(key, publicKeyPem);
  const env = { ...process.env, BUNDLE: bundle.directory, KEY: key };
  return spawnSync("bash", ["-c", await recipe()], { env, encoding: "utf8" });
};

const needs = absent.length === 0 ? "" : ` (skipped: this machine has no ${absent.join(", ")})`;

test.skipIf(needs !== "")(`the recipe in reports/README.md verifies a bundle${needs}`, async () => {
  const { status, stdout, stderr } = await follow(await makeBundle());
  expect(stderr).toBe("");
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("the bundle verifies");
  expect(status).toBe(0);
});

test.skipIf(needs !== "")(`the recipe verifies a certificate, and tells its entries${needs}`, async () => {
  // As long as the path of an entry can be, in a tree that is not full: every turn of the algorithm.
  const events = [received, erased, ...Array.from({ length: 9 }, () => inventory(null)), completed];
  const { status, stdout, stderr } = await follow(await makeCertificate({ events }));
  expect(stderr).toBe("");
  expect(stdout).toContain('["2026-11-02T02:00:00.000Z","request.erased"]');
  expect(stdout.match(/backup\.inventory/g)).toHaveLength(9);
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("the bundle verifies");
  expect(status).toBe(0);
});

test.skipIf(needs !== "").each([
  ["an entry that is not in the ledger", (proof: string) => proof.replace(/^extra .*$/m, "extra e30=")],
  ["another path", (proof: string) => proof.replace(/^(index \d+\n)[^\n]{43}=\n/m, `$1${"A".repeat(43)}=\n`)],
  ["a path that is too short", (proof: string) => proof.replace(/^(index \d+\n)[^\n]{43}=\n/m, "$1")],
  ["another checkpoint", (proof: string) => proof.replace("\n4\n", "\n5\n")],
])(`the recipe fails for a certificate whose signer gave a receipt of %s${needs}`, async (_, change) => {
  const { status, stdout } = await follow(await makeCertificate({ receipts: { 3: change } }));
  expect(stdout).not.toContain("the bundle verifies");
  expect(status).not.toBe(0);
});

test.skipIf(needs !== "").each(["statement.dsse.json", "report.json", "report.xlsx", "entries.jsonl", "checkpoint"])(
  `the recipe fails when a bit of %s changed${needs}`,
  async (name) => {
    const bundle = await makeBundle();
    const path = join(bundle.directory, name);
    const bytes = await readFile(path);
    await writeFile(path, flipBit(bytes, bytes.length * 4));
    const { status, stdout } = await follow(bundle);
    expect(stdout).not.toContain("the bundle verifies");
    expect(status).not.toBe(0);
  },
);

test.skipIf(needs !== "")(`the recipe fails with another key and with a file that nobody signed${needs}`, async () => {
  const bundle = await makeBundle();
  expect((await follow(bundle, (await makeBundle()).publicKeyPem)).status).not.toBe(0);
  await writeFile(join(bundle.directory, "extra"), "");
  expect((await follow(bundle)).status).not.toBe(0);
});
