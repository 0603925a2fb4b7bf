import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatCheckpoint, originOf, parseCheckpoint } from "#ledger/checkpoint.ts";
import { formatNote, noteKeyId, parseNote, rawPublicKey } from "#ledger/note.ts";
import { signCheckpoint, signNote } from "#ledger/sign-checkpoint.ts";
import { emptyRoot, leafHash } from "#ledger/tree.ts";
import { openNote, verifyCheckpoint } from "#ledger/verify-checkpoint.ts";

const publicFrom = (raw: Buffer): KeyObject =>
  createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });

/** PKCS #8 of an Ed25519 seed (RFC 8410). */
const privateFrom = (seed: Buffer): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
    format: "der",
    type: "pkcs8",
  });

// The key and note of golang.org/x/mod/sumdb/note, its documentation and tests.
const peter = {
  name: "PeterNeumann",
  keyId: "c74f20a3",
  signing: privateFrom(Buffer.from("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz", "base64").subarray(1)),
  public: publicFrom(Buffer.from("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "base64").subarray(1)),
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};
const peterNote = `${peter.text}\n${peter.line}`;

// The example of https://c2sp.org/signed-note.
const foo = {
  name: "example.com/foo",
  keyId: "530d903a",
  public: publicFrom(Buffer.from("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "base64").subarray(1)),
  note: "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
};

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ed25519").publicKey;
const checkpoint = { origin: "lethe/shop-gmbh", size: 20_852_163, root: leafHash("head") };
const signed = signCheckpoint(checkpoint, privateKey);

test("key ids are those of the published verifier keys", () => {
  for (const key of [peter, foo]) {
    expect(noteKeyId(key.name, rawPublicKey(key.public) ?? Buffer.alloc(0)).toString("hex")).toBe(key.keyId);
  }
});

test("signing gives the published note of x/mod/sumdb/note, byte for byte", () => {
  expect(signNote(peter.text, peter.name, peter.signing)).toBe(peterNote);
});

test("the published notes open with their keys", () => {
  expect(openNote(peterNote, peter.name, peter.public)).toEqual({ ok: true, value: peter.text });
  expect(openNote(foo.note, foo.name, foo.public)).toEqual({ ok: true, value: "This is an example message.\n" });
});

test("a note that others signed too opens with one of its keys, in either order", () => {
  const witness = "— witness.example hI2DJwECAwQFBgcICQoLDA0ODw==\n";
  for (const lines of [peter.line + witness, witness + peter.line]) {
    expect(openNote(`${peter.text}\n${lines}`, peter.name, peter.public).ok).toBe(true);
  }
});

test("a note by an unknown key does not open", () => {
  expect(openNote(peterNote, peter.name, foo.public)).toEqual({ ok: false, fault: "unknown-key" });
  expect(openNote(peterNote, "somebody", peter.public)).toEqual({ ok: false, fault: "unknown-key" });
});

test("a true signature does not save a note that also bears a false one of the same key", () => {
  const note = parseNote(peterNote);
  const [line] = note?.signatures ?? [];
  if (note === undefined || line === undefined) throw new Error("the vector does not parse");
  const both = formatNote({ text: note.text, signatures: [line, { ...line, signature: Buffer.alloc(64, 1) }] });
  expect(openNote(both, peter.name, peter.public)).toEqual({ ok: false, fault: "bad-signature" });
});

test.each([
  ["no empty line", peter.text + peter.line],
  ["no newline at the end", peterNote.slice(0, -1)],
  ["carriage returns", peterNote.replaceAll("\n", "\r\n")],
  ["a control character", `\u0007${peterNote}`],
  ["a hyphen for the dash", peterNote.replace("—", "-")],
  ["two spaces", peterNote.replace("— PeterNeumann ", "— PeterNeumann  ")],
  ["a name with a plus", peterNote.replace("PeterNeumann", "Peter+Neumann")],
  ["slack bits in base64", peterNote.replace("nAM=", "nAN=")],
  ["base64 without padding", peterNote.replace("nAM=", "nAM")],
  ["an id without a signature", `text\n\n— name x08gow==\n`],
  ["no signature", `${peter.text}\n`],
  ["17 signatures", `${peter.text}\n${peter.line.repeat(17)}`],
  ["nothing", ""],
])("a note with %s is malformed", (_, source) => {
  expect(openNote(source, peter.name, peter.public)).toEqual({ ok: false, fault: "malformed" });
});

test("a checkpoint reads back as it was signed", () => {
  expect(verifyCheckpoint(signed, publicKey)).toEqual({ ok: true, value: checkpoint });
  expect(
    signed.startsWith(`lethe/shop-gmbh\n20852163\n${checkpoint.root.toString("base64")}\n\n— lethe/shop-gmbh `),
  ).toBe(true);
});

test("the empty ledger has a checkpoint too", () => {
  const empty = { origin: "lethe/shop", size: 0, root: emptyRoot };
  expect(parseCheckpoint(formatCheckpoint(empty))).toEqual(empty);
});

test("a checkpoint of another key is not accepted", () => {
  expect(verifyCheckpoint(signed, other)).toEqual({ ok: false, fault: "unknown-key" });
});

test("no byte of a checkpoint can change unnoticed", () => {
  const bytes = Buffer.from(signed);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      expect(verifyCheckpoint(changed.toString("utf8"), publicKey).ok).toBe(false);
    }),
    { numRuns: 500 },
  );
});

const root = checkpoint.root.toString("base64");

test.each([
  ["a leading zero", `o\n01\n${root}\n`],
  ["a sign", `o\n+1\n${root}\n`],
  ["a size beyond 2^53", `o\n9007199254740993\n${root}\n`],
  ["an empty origin", `\n1\n${root}\n`],
  ["an origin that is no key name", `a b\n1\n${root}\n`],
  ["an extension line", `o\n1\n${root}\nmore\n`],
  ["slack bits in the root", `o\n1\n${"A".repeat(42)}B=\n`],
  ["a short root", `o\n1\nAAAA\n`],
  ["no last newline", `o\n1\n${root}`],
])("a checkpoint with %s is refused", (_, text) => {
  expect(parseCheckpoint(text)).toBeUndefined();
});

test("controllers are named in ASCII, and never by nothing", () => {
  expect(originOf("Müller & Söhne GmbH")).toBe("lethe/muller-sohne-gmbh");
  expect(originOf("  Shop  ")).toBe("lethe/shop");
  expect(originOf("東京")).toMatch(/^lethe\/[0-9a-f]{16}$/);
  expect(originOf("東京")).not.toBe(originOf("大阪"));
});

test("a key of another kind is refused by name", () => {
  const { privateKey: rsa } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  expect(() => signCheckpoint(checkpoint, rsa)).toThrow(expect.objectContaining({ code: "KEY_INVALID" }));
});
