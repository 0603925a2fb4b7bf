import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Keys } from "#context.ts";
import { LetheError } from "#lib/errors.ts";

export type KeyPaths = { readonly signing: string; readonly public: string; readonly pseudonym: string };

/**
 * Makes `signing.pem` (Ed25519, PKCS #8, RFC 8410), `public.pem` (its SubjectPublicKeyInfo) and `pseudonym.key` (32
 * random bytes in hexadecimal for HMAC-SHA256) in a directory. The secret ones are readable by their owner only.
 * Throws `FILE_EXISTS` before anything is written: a key that is overwritten takes its evidence with it.
 */
export const generateKeys = async (directory: string): Promise<KeyPaths> => {
  const paths: KeyPaths = {
    signing: join(directory, "signing.pem"),
    public: join(directory, "public.pem"),
    pseudonym: join(directory, "pseudonym.key"),
  };
  for (const path of Object.values(paths)) if (await exists(path)) throw fileExists(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  await write(paths.signing, privateKey.export({ type: "pkcs8", format: "pem" }), 0o600);
  await write(paths.public, publicKey.export({ type: "spki", format: "pem" }), 0o644);
  await write(paths.pseudonym, `${randomBytes(32).toString("hex")}\n`, 0o600);
  return paths;
};

/** Reads both secret keys. Throws `KEY_MISSING`, `KEY_EXPOSED` (group or others may read it) or `KEY_INVALID`. */
export const loadKeys = async (paths: { readonly signing: string; readonly pseudonym: string }): Promise<Keys> => {
  const signing = parseSigning(paths.signing, await readSecret(paths.signing));
  const pseudonym = parsePseudonym(paths.pseudonym, await readSecret(paths.pseudonym));
  return { signing, signingId: keyId(signing), pseudonym, pseudonymId: pseudonymId(pseudonym) };
};

/** First 16 hexadecimal digits of the SHA-256 of the public key's SPKI form: names a key in envelopes and bundles. */
export const keyId = (key: KeyObject): string => {
  const publicKey = key.type === "public" ? key : createPublicKey(key);
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex")
    .slice(0, 16);
};

// The domain prefix keeps the digest from being useful for anything but naming the key.
const pseudonymId = (key: KeyObject): string =>
  createHash("sha256").update("lethe pseudonym key id\0").update(key.export()).digest("hex").slice(0, 16);

const readSecret = async (path: string): Promise<string> => {
  const found = await stat(path).catch((cause: unknown) => {
    throw new LetheError("KEY_MISSING", `there is no key at ${path}`, {
      hint: "run lethe init to make a key pair, or name the right file under keys: in the configuration",
      place: { file: path },
      cause,
    });
  });
  if ((found.mode & 0o077) !== 0) {
    throw new LetheError("KEY_EXPOSED", `the key ${path} is open to other accounts of this machine`, {
      hint: `run chmod 600 ${path}, and make a new key if somebody may have read it`,
      place: { file: path },
    });
  }
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new LetheError("KEY_MISSING", `the key ${path} cannot be read`, {
      hint: "run Lethe as the account that owns the key",
      place: { file: path },
      cause,
    });
  });
};

const parseSigning = (path: string, text: string): KeyObject => {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw invalid(path, "is no private key in PEM form");
  }
  if (key.asymmetricKeyType !== "ed25519") throw invalid(path, `is an ${key.asymmetricKeyType} key, not Ed25519`);
  return key;
};

const parsePseudonym = (path: string, text: string): KeyObject => {
  if (!/^[0-9a-f]{64}$/i.test(text.trim())) throw invalid(path, "does not hold 32 bytes in hexadecimal");
  return createSecretKey(text.trim(), "hex");
};

// No cause: the errors of the parser may quote what they could not read.
const invalid = (path: string, what: string): LetheError =>
  new LetheError("KEY_INVALID", `the key ${path} ${what}`, {
    hint: "name the right file under keys: in the configuration, or restore the key from your backup",
    place: { file: path },
  });

const write = async (path: string, text: string | Buffer, mode: number): Promise<void> => {
  await writeFile(path, text, { mode, flag: "wx" }).catch((cause: unknown) => {
    throw cause instanceof Error && "code" in cause && cause.code === "EEXIST" ? fileExists(path) : cause;
  });
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const fileExists = (path: string): LetheError =>
  new LetheError("FILE_EXISTS", `there is already a key at ${path}`, {
    hint: "keep using it, or move it to a safe place first: what it signed verifies only with its public half",
    place: { file: path },
  });
