import { generateKeyPairSync, sign, verify } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicKey } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generateKeys, keyId, type KeyPaths, loadKeys } from "#lib/keys.ts";

let directory = "";
let paths: KeyPaths;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-keys-"));
  paths = await generateKeys(join(directory, "keys"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const file = async (name: string, text: string, mode = 0o600): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
};

test("makes a pair that signs and verifies, with the secret halves for their owner only", async () => {
  const keys = await loadKeys(paths);
  const publicKey = createPublicKey(await readFile(paths.public, "utf8"));
  const signature = sign(null, Buffer.from("bundle"), keys.signing);
  expect(verify(null, Buffer.from("bundle"), publicKey, signature)).toBe(true);
  expect(keys.signingId).toBe(keyId(publicKey));
  expect(keys.signingId).toMatch(/^[0-9a-f]{16}$/);
  expect(keys.pseudonym.symmetricKeySize).toBe(32);
  const modes = await Promise.all(
    [paths.signing, paths.public, paths.pseudonym].map(async (path) => (await stat(path)).mode & 0o777),
  );
  expect(modes).toEqual([0o600, 0o644, 0o600]);
});

test("the pseudonym key's name is stable and tells nothing of the key", async () => {
  const [one, two] = [await loadKeys(paths), await loadKeys(paths)];
  expect(one.pseudonymId).toBe(two.pseudonymId);
  expect(await readFile(paths.pseudonym, "utf8")).not.toContain(one.pseudonymId);
});

test("never writes over a key, not even when only one of the files is there", async () => {
  const before = await readFile(paths.signing, "utf8");
  await expect(generateKeys(join(directory, "keys"))).rejects.toMatchObject({ code: "FILE_EXISTS", exit: 2 });
  expect(await readFile(paths.signing, "utf8")).toBe(before);
  const half = await mkdtemp(join(directory, "half-"));
  await writeFile(join(half, "pseudonym.key"), "x");
  await expect(generateKeys(half)).rejects.toMatchObject({ code: "FILE_EXISTS" });
  await expect(stat(join(half, "signing.pem"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a key that is not there is missing, with the place", async () => {
  const signing = join(directory, "none.pem");
  await expect(loadKeys({ ...paths, signing })).rejects.toMatchObject({
    code: "KEY_MISSING",
    exit: 2,
    place: { file: signing },
  });
});

test.each([0o640, 0o604, 0o644, 0o660])("a key with mode %o is exposed", async (mode) => {
  const signing = await file("open.pem", await readFile(paths.signing, "utf8"), mode);
  await expect(loadKeys({ ...paths, signing })).rejects.toMatchObject({ code: "KEY_EXPOSED", exit: 2 });
});

test("another kind of key, a public key, and no key at all are invalid, and none is quoted", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  const contents = [rsa.toString(), await readFile(paths.public, "utf8"), "canary", ""];
  for (const [index, content] of contents.entries()) {
    const signing = await file(`wrong-${index}.pem`, content);
    const error: unknown = await loadKeys({ ...paths, signing }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "KEY_INVALID", exit: 2 });
    expect(String(error)).not.toContain("canary");
  }
});

test.each(["", "zz", "ab".repeat(31), "ab".repeat(33), `${"ab".repeat(31)}zz`])(
  "%j is no pseudonym key",
  async (text) => {
    const pseudonym = await file("wrong.key", text);
    await expect(loadKeys({ ...paths, pseudonym })).rejects.toMatchObject({ code: "KEY_INVALID" });
  },
);
