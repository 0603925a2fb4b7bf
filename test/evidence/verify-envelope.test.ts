import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canonicalJson, type Json } from "#lib/canonical.ts";
import { edit, makeBundle, resign } from "#test/evidence/bundle.ts";
import { failure, failureOf } from "#test/evidence/tamper.ts";

test("another key is told from a changed file, with both key ids", async () => {
  const [bundle, stranger] = [await makeBundle(), await makeBundle()];
  const error = await failureOf(bundle.directory, stranger.publicKeyPem);
  expect(error).toMatchObject({ code: "EVIDENCE_KEY", exit: 4 });
  expect(`${error.message} ${error.hint}`).toContain(bundle.keyId);
  expect(error.message).toContain(stranger.keyId);
});

test("a bundle that a stranger signed in the controller's name is refused", async () => {
  const [bundle, stranger] = [await makeBundle(), await makeBundle()];
  const forged = { ...bundle, signing: stranger.signing };
  await resign(forged);
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "statement.dsse.json" } });
});

type Envelope = { payload: string; payloadType: string; signatures: [{ keyid: string; sig: string }] };
const parse = (text: string): Envelope => JSON.parse(text) as Envelope;
const first = (text: string) => parse(text).signatures[0];
const write = (envelope: Json): string => `${canonicalJson(envelope)}\n`;

test.each<[string, (text: string) => string]>([
  ["white space", (text) => text.replace(",", ", ")],
  ["no newline at the end", (text) => text.trimEnd()],
  ["two newlines", (text) => `${text}\n`],
  ["a byte-order mark", (text) => `\uFEFF${text}`],
  [
    "members in another order",
    (text) =>
      `${JSON.stringify({ payloadType: parse(text).payloadType, payload: parse(text).payload, signatures: parse(text).signatures })}\n`,
  ],
  ["a member twice", (text) => text.replace('{"payload"', '{"payloadType":"x","payload"')],
  ["a further member", (text) => write({ ...parse(text), zzz: 1 })],
  ["__proto__", (text) => text.replace("{", '{"__proto__":{"payload":"x"},')],
  ["an escape for a letter", (text) => text.replace("application", "\\u0061pplication")],
  ["another payload type", (text) => text.replace("in-toto", "in-tota")],
  ["the other key id", (text) => write({ ...parse(text), signatures: [{ ...first(text), keyid: "0".repeat(16) }] })],
  [
    "two signatures",
    (text) => write({ ...parse(text), signatures: [...parse(text).signatures, ...parse(text).signatures] }),
  ],
  ["no signature", (text) => write({ ...parse(text), signatures: [] })],
  ["a short signature", (text) => write({ ...parse(text), signatures: [{ ...first(text), sig: "AAAA" }] })],
  [
    "base64url",
    (text) =>
      write({
        ...parse(text),
        signatures: [{ ...first(text), sig: Buffer.from(first(text).sig, "base64").toString("base64url") }],
      }),
  ],
  ["base64 with a line break", (text) => write({ ...parse(text), payload: `${parse(text).payload}\n` })],
  ["nesting without end", () => `${"[".repeat(200_000)}${"]".repeat(200_000)}\n`],
  ["nothing", () => ""],
  ["null", () => "null\n"],
])("a statement with %s is not the one that was written", async (_, change) => {
  const bundle = await makeBundle();
  await edit(bundle, "statement.dsse.json", change);
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "statement.dsse.json" } });
});

test("bytes that are not UTF-8 are no statement", async () => {
  const bundle = await makeBundle();
  await writeFile(join(bundle.directory, "statement.dsse.json"), Buffer.of(0xff, 0xfe, 0x0a));
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED" });
});

test("a statement of endless size is not read", async () => {
  const bundle = await makeBundle();
  await truncate(join(bundle.directory, "statement.dsse.json"), 2 ** 40);
  expect(await failure(bundle)).toMatchObject({
    code: "EVIDENCE_TAMPERED",
    message: expect.stringContaining("larger than"),
  });
});
