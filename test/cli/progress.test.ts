import { expect, test } from "vitest";
import { terminalProgress } from "#cli/progress.ts";

const recorder = (isTTY: boolean, columns = 40) => {
  const written: string[] = [];
  const stream = { isTTY, columns, write: (text: string | Uint8Array) => written.push(String(text)) > 0 };
  let time = 0;
  return {
    progress: terminalProgress(stream, () => time),
    wait: (milliseconds: number) => (time += milliseconds),
    written: () => written.join(""),
  };
};

/** What a person sees on a terminal that obeys carriage return and "erase line". */
const screen = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf("\u001B[2K") + 1).replace(/^\[2K/, ""))
    .map((line) => line.replace("\r", ""));

test("on a terminal a stage is one moving line that ends with a mark, the result and the time it took", () => {
  const { progress, wait, written } = recorder(true);
  progress.stage("execute");
  wait(100);
  progress.advance(1000, 12_000, "subjects");
  wait(1400);
  progress.end("12,000 subjects in 3 stores");
  expect(written()).toContain("1,000 of 12,000 subjects");
  expect(screen(written())).toEqual(["✓ execute  12,000 subjects in 3 stores  1.5 s", ""]);
});

test("a new stage ends the one before it, with what it had reached", () => {
  const { progress, written } = recorder(true);
  progress.stage("plan");
  progress.advance(3, undefined, "stores");
  progress.stage("execute");
  progress.end("done");
  expect(screen(written())).toEqual(["✓ plan  3 stores  0.0 s", "✓ execute  done  0.0 s", ""]);
});

test("never writes more columns than the terminal has, and never a control character of a name", () => {
  const { progress, wait, written } = recorder(true, 20);
  progress.stage("a\u001B[31m very long\n name of a stage");
  wait(100);
  progress.advance(1, 2, "rows");
  for (const line of written().split("\r\u001B[2K")) expect(line.length).toBeLessThan(20);
  expect(written().replaceAll("\r\u001B[2K", "")).not.toMatch(/\p{Cc}/u);
});

test("a terminal that does not know its size gets lines that can be read", () => {
  const { progress, written } = recorder(true, 0);
  progress.stage("execute");
  expect(written()).toContain("execute");
});

test("other output takes the moving line away first and brings it back below", () => {
  const { progress, written } = recorder(true);
  progress.stage("verify");
  progress.beside.write("a warning\n");
  progress.end("nothing found");
  expect(screen(written())).toEqual(["a warning", "✓ verify  nothing found  0.0 s", ""]);
});

test("draws at most about twelve times a second however often it is told", () => {
  const { progress, wait, written } = recorder(true);
  progress.stage("execute");
  for (let done = 0; done < 1000; done += 1) {
    wait(1);
    progress.advance(done, 1000, "rows");
  }
  expect(written().split("\r\u001B[2K").length).toBeLessThan(15);
});

test("without a terminal there are plain lines, one a second at most", () => {
  const { progress, wait, written } = recorder(false);
  progress.stage("execute");
  for (let done = 0; done < 30; done += 1) {
    wait(100);
    progress.advance(done, 30, "rows");
  }
  progress.end("30 rows");
  expect(written()).not.toMatch(/(?!\n)\p{Cc}/u);
  expect(written().trim().split("\n")).toEqual([
    "execute  9 of 30 rows",
    "execute  19 of 30 rows",
    "execute  29 of 30 rows",
    "✓ execute  30 rows  3.0 s",
  ]);
});

test("work that failed leaves its stage marked as not finished", () => {
  const { progress, written } = recorder(false);
  progress.stage("execute");
  progress.close();
  progress.close();
  expect(written()).toBe("· execute  not finished  0.0 s\n");
});
