import { expect, test } from "vitest";
import { forEachAtOnce } from "#lib/at-once.ts";

const pause = (): Promise<void> => new Promise((settle) => setImmediate(settle));

test("all items are worked on, begun in their order, never more at a time than asked for", async () => {
  const begun: number[] = [];
  let atWork = 0;
  let most = 0;
  await forEachAtOnce(new Set([1, 2, 3, 4, 5, 6, 7]), 3, async (item) => {
    begun.push(item);
    most = Math.max(most, (atWork += 1));
    for (let turns = item % 3; turns >= 0; turns -= 1) await pause();
    atWork -= 1;
  });
  expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

test("after a failure no other item is begun, and those at work end before it is thrown", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = forEachAtOnce([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item);
    await pause();
    if (item === 3) throw new Error("three");
    for (let turns = 0; turns < 5; turns += 1) await pause();
    ended.push(item);
  });
  await expect(work).rejects.toThrow("three");
  expect(begun).toEqual([1, 2, 3, 4]);
  expect(ended).toEqual([1, 2, 4]);
});
