import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canonicalJson, type Json } from "#lib/canonical.ts";
import { edit, makeBundle, resign } from "#test/evidence/bundle.ts";
import { failure } from "#test/evidence/tamper.ts";

// From here on the holder of the key signs again: the files must still agree with each other.
const entryLines = (change: (lines: string[]) => string[]) => (text: string) =>
  change(text.trimEnd().split("\n"))
    .map((line) => `${line}\n`)
    .join("");

const header = (
  change: (header: { from: number; frontier: string[]; previous: { size: number; root: string } }) => Json,
) => entryLines(([first = "", ...rest]) => [canonicalJson(change(JSON.parse(first) as never)), ...rest]);

test.each<[string, (text: string) => string]>([
  ["one entry is dropped", entryLines((lines) => lines.toSpliced(4, 1))],
  ["the last entry is dropped", entryLines((lines) => lines.slice(0, -1))],
  ["two entries change places", entryLines((lines) => lines.with(3, lines[4] ?? "").with(4, lines[3] ?? ""))],
  ["an entry is added", entryLines((lines) => [...lines, lines[1] ?? ""])],
  ["an entry is changed", (text) => text.replace('"R-9"', '"R-8"')],
  ["an empty line is added", (text) => `${text}\n`],
  ["the last newline is missing", (text) => text.trimEnd()],
  ["bytes follow the last line", (text) => `${text}x`],
  ["lines end as on Windows", (text) => text.replaceAll("\n", "\r\n")],
  ["the header is missing", entryLines((lines) => lines.slice(1))],
  ["the header is not canonical", (text) => text.replace(",", ", ")],
  ["it starts elsewhere", header((h) => ({ ...h, from: h.from + 1 }))],
  ["it names another earlier root", header((h) => ({ ...h, previous: { ...h.previous, root: "0".repeat(64) } }))],
  ["its frontier is another", header((h) => ({ ...h, frontier: h.frontier.toReversed() }))],
  ["its frontier is too short", header((h) => ({ ...h, frontier: h.frontier.slice(1) }))],
  ["it is empty", () => ""],
])("entries do not match the checkpoint when %s", async (_, change) => {
  const bundle = await makeBundle();
  await edit(bundle, "entries.jsonl", change);
  await resign(bundle);
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "entries.jsonl" } });
});

test("an endless line of entries is not read to its end", async () => {
  const bundle = await makeBundle();
  await edit(bundle, "entries.jsonl", (text) => text + "x".repeat(5 * 1024 * 1024));
  await resign(bundle);
  expect(await failure(bundle)).toMatchObject({
    code: "EVIDENCE_TAMPERED",
    message: expect.stringContaining("line longer"),
  });
});

test("a checkpoint that another key signed is refused", async () => {
  const [bundle, stranger] = [await makeBundle(), await makeBundle()];
  const foreign = await readFile(join(stranger.directory, "checkpoint"), "utf8");
  await edit(bundle, "checkpoint", () => foreign);
  await resign(bundle);
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "checkpoint" } });
});

test("a checkpoint of another size than the statement's is refused", async () => {
  const bundle = await makeBundle();
  await resign(bundle, (statement) => ({
    ...statement,
    predicate: { ...statement.predicate, checkpoint: { ...statement.predicate.checkpoint, size: 16 } },
  }));
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "checkpoint" } });
});
