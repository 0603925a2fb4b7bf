import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256Hex } from "#lib/canonical.ts";
import { makeBundle, resign } from "#test/evidence/bundle.ts";
import { failure } from "#test/evidence/tamper.ts";

test.each(["statement.dsse.json", "checkpoint", "entries.jsonl", "report.json", "report.xlsx"])(
  "a bundle without %s is incomplete",
  async (name) => {
    const bundle = await makeBundle();
    await rm(join(bundle.directory, name));
    expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_MISSING", place: { file: name } });
  },
);

test("a file, folder or link that nobody signed is named", async () => {
  const bundle = await makeBundle();
  const extra = join(bundle.directory, "extra.txt");
  for (const add of [() => writeFile(extra, "x"), () => mkdir(extra), () => symlink("/etc/passwd", extra)]) {
    await add();
    expect(await failure(bundle)).toMatchObject({
      code: "EVIDENCE_TAMPERED",
      message: expect.stringContaining("extra.txt"),
    });
    await rm(extra, { recursive: true });
  }
});

test("a file name that would write to the terminal is quoted", async () => {
  const bundle = await makeBundle();
  await writeFile(join(bundle.directory, "\u001b[2J\u0007evil"), "x");
  const { message } = await failure(bundle);
  expect(message).toContain('"\\u001b[2J\\u0007evil"');
  expect(message).not.toContain("\u001b");
});

test("a signed file is not read through a link, even to the same bytes", async () => {
  const bundle = await makeBundle();
  const path = join(bundle.directory, "report.xlsx");
  await rename(path, join(bundle.directory, "..", "elsewhere"));
  await symlink("../elsewhere", path);
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "report.xlsx" } });
});

test.each(["../escape", "/etc/passwd", "a/b", "..", ".", ".hidden", "a\\b", "", "x\u0000"])(
  "a statement cannot name the file %j",
  async (name) => {
    const bundle = await makeBundle();
    await resign(bundle, (statement) => ({
      ...statement,
      subject: [{ name, digest: { sha256: sha256Hex("") } }, ...statement.subject],
    }));
    expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "statement.dsse.json" } });
  },
);

test("a statement lists each file once", async () => {
  const bundle = await makeBundle();
  await resign(bundle, (statement) => ({
    ...statement,
    subject: [...statement.subject, ...statement.subject.slice(-1)],
  }));
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "statement.dsse.json" } });
});

test("a statement that does not cover the report is incomplete", async () => {
  const bundle = await makeBundle();
  await rm(join(bundle.directory, "report.json"));
  await resign(bundle, (statement) => ({
    ...statement,
    subject: statement.subject.filter(({ name }) => name !== "report.json"),
  }));
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_MISSING", place: { file: "report.json" } });
});
