import { describe, expect, test } from "vitest";
import { inkOf, line, mist, pale, paper, washOf } from "#report/palette.ts";
import type { Tone } from "#report/workbook-definition.ts";

const channel = (value: number): number => (value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

/** WCAG 2.2: relative luminance, of `AARRGGBB`. */
const luminance = (argb: string): number => {
  const [red = 0, green = 0, blue = 0] = [2, 4, 6].map((at) =>
    channel(Number.parseInt(argb.slice(at, at + 2), 16) / 255),
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

const contrast = (one: string, other: string): number => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};

const tones: readonly Tone[] = ["plain", "good", "warn", "bad", "muted", "accent"];

describe("words can be read by people who see little contrast", () => {
  test.each(tones)("%s, on white, on the grey of headings, and on the wash of its own", (tone) => {
    for (const ground of [paper, mist, washOf(tone)]) expect(contrast(inkOf(tone), ground)).toBeGreaterThanOrEqual(4.5);
  });
});

test("bars of before and after are two greys on grey paper", () => {
  expect(contrast(pale, inkOf("accent"))).toBeGreaterThanOrEqual(3);
  expect(contrast(pale, paper)).toBeGreaterThan(contrast(line, paper));
});
