import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encrypterFor, encryptFile } from "#export/encrypt-file.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { ageInstalled, decrypt, decryptWithLibrary, makePerson } from "#test/export/read-export.ts";

const canary = "canary.8r@private.example";
const dpo = await makePerson();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-encrypt-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("no clear text is on the disk, while an export is written or after", async () => {
  const seen: { readonly size: number; readonly clear: boolean }[] = [];
  const look = async (): Promise<void> => {
    for (const name of await readdir(directory)) {
      const bytes = await readFile(join(directory, name));
      seen.push({ size: bytes.length, clear: bytes.includes(canary) || bytes.includes("private") });
    }
  };
  async function* lines(): AsyncGenerator<string> {
    for (let count = 0; count < 8000; count += 1) {
      if (count % 1000 === 0) await look();
      yield `{"table":"letters","row":{"id":${count},"body":"to ${canary}"}}\n`;
    }
  }
  const path = join(directory, "one.age");
  const { settled, ...file } = await encryptFile(directory, path, await encrypterFor([dpo.recipient]), lines());
  await settled;
  await look();
  expect(seen.filter(({ clear }) => clear)).toEqual([]);
  // It was looked at as it grew.
  expect(new Set(seen.map(({ size }) => size)).size).toBeGreaterThan(5);
  const bytes = await readFile(path);
  expect(file).toEqual({ sha256: sha256Hex(bytes), bytes: bytes.length });
  expect((await decrypt(path, dpo)).split("\n")).toHaveLength(8001);
});

test.skipIf(!ageInstalled)("the program age and the library read the same", async () => {
  async function* lines(): AsyncGenerator<string> {
    for (let count = 0; count < 3000; count += 1) yield `{"n":${count},"text":"größer \u{1F600}"}\n`;
  }
  const path = join(directory, "one.age");
  await (
    await encryptFile(directory, path, await encrypterFor([dpo.recipient]), lines())
  ).settled;
  const text = await decrypt(path, dpo);
  expect(text).toBe(await decryptWithLibrary(path, dpo));
  expect(text).toContain('{"n":2999,"text":"größer \u{1F600}"}\n');
});

test("what the lines throw comes out as it is, and so does what the disk refuses", async () => {
  const lost = new Error("the connection broke");
  async function* broken(): AsyncGenerator<string> {
    yield "x".repeat(100_000);
    throw lost;
  }
  const encrypter = await encrypterFor([dpo.recipient]);
  await expect(encryptFile(directory, join(directory, "one.age"), encrypter, broken())).rejects.toBe(lost);
  // A name that is taken is nobody's to overwrite.
  await expect(encryptFile(directory, join(directory, "one.age"), encrypter, broken())).rejects.toMatchObject({
    code: "EXPORT_UNWRITABLE",
    message: `no export can be written to ${directory}: there is a file of that name`,
  });
});
