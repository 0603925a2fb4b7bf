import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "#lib/canonical.ts";
import { jsonChunks, type Streamed } from "#report/json-chunks.ts";
import { renderJson } from "#report/render-json.ts";
import { reportDocument } from "#report/report-document.ts";
import { each, sampleSource } from "#test/report/sample-source.ts";

const textOf = async (chunks: AsyncIterable<string>): Promise<string> => (await Array.fromAsync(chunks)).join("");

test("what is written piece by piece parses to what was given, streamed arrays included", async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()), async (members, items) => {
      const value = { ...members, streamed: each(items as Json[]), nested: { again: each(items as Json[]) } };
      const expected = { ...members, streamed: items, nested: { again: items } };
      expect(JSON.parse(await textOf(jsonChunks(value as Streamed)))).toEqual(JSON.parse(JSON.stringify(expected)));
    }),
  );
});

test("members come in the order given, array elements one a line, and what is undefined is left out", async () => {
  expect(await textOf(jsonChunks({ b: each([1, { x: 2 }]), a: undefined, empty: each([]), none: {} }))).toBe(
    '{\n  "b": [\n    1,\n    {"x":2}\n  ],\n  "empty": [],\n  "none": {}\n}',
  );
});

test("a rendered report is a valid document whose parts are in the documented order", async () => {
  const text = await textOf(renderJson(sampleSource(300)));
  const document = reportDocument.parse(JSON.parse(text));
  expect(document.requests.items).toHaveLength(300);
  expect(Object.keys(JSON.parse(text) as object)).toEqual(
    Object.keys(reportDocument.shape).filter((name) => name !== "period" && name !== "runs"),
  );
});

test("a register that does not reconcile is no valid report", async () => {
  const document = JSON.parse(await textOf(renderJson(sampleSource(12)))) as { requests: { counts: { done: number } } };
  document.requests.counts.done += 1;
  expect(reportDocument.safeParse(document).success).toBe(false);
});
