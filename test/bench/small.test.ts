import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { gatewayMissing } from "#test/backups/programs.ts";

test(
  "the bench runs from end to end on small shops, and both sides make the same changes",
  { timeout: 900_000 },
  async () => {
    const main = resolve(import.meta.dirname, "main.ts");
    const { stdout } = await promisify(execFile)(process.execPath, ["-C", "source", main, "--small", "--json"]);
    const summary = JSON.parse(stdout) as {
      bySize: { subjects: number }[];
      aims: unknown[];
      chargebee: {
        subjects: number;
        remedy: { ratio: number; blocked: number };
        block: { ratio: number; blocked: number };
      };
      expiry: unknown;
      analytics: unknown;
      buckets?: unknown;
      digests: unknown;
      restore: unknown;
    };
    expect(summary.bySize.map(({ subjects }) => subjects)).toEqual([10]);
    expect(summary.aims).toHaveLength(6);
    // The copies of both sides ended alike, or there would be no ratio.
    expect(summary.chargebee).toMatchObject({
      subjects: 60,
      remedy: { ratio: expect.any(Number), blocked: 0 },
      block: { ratio: expect.any(Number) },
    });
    expect(summary.chargebee.block.blocked).toBeGreaterThan(0);
    // Two of a hundred but for two invoices that wait for a line, and two lines that wait for their invoice.
    expect(summary.expiry).toMatchObject({ retained: 20_000, rows: 396, ratio: expect.any(Number) });
    expect(summary.restore).toMatchObject({ customers: 500, subjects: 60, aims: [{ measured: expect.any(Number) }] });
    expect(summary.analytics).toMatchObject({ events: 20_000, subjects: 500 });
    if (gatewayMissing === undefined) expect(summary.buckets).toMatchObject({ versions: 1_500 });
    // Both found the same digests.
    expect(summary.digests).toMatchObject({ files: 2, megabytes: 1, medians: { inventory: expect.any(Number) } });
  },
);
