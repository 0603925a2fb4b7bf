import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WalRange } from "#backups/directory/manifest.ts";
import { segmentsIn } from "#backups/directory/verify-log.ts";
import { readLog } from "#backups/directory/wal-records.ts";
import { lsnOf, segmentAt } from "#backups/wal-segments.ts";
import { startCluster, type Cluster } from "#test/backups/directory/cluster.ts";
import { debianBinaries, debianMissing } from "#test/flow/debian-server.ts";

const segmentBytes = 16 << 20;

describe.skipIf(debianMissing !== undefined)("a range of the log", () => {
  let cluster: Cluster;
  let range: WalRange;
  let span: readonly [start: string, end: string];

  // From the beginning of a base backup to a place in the segment after the one in which it ended.
  beforeAll(async () => {
    cluster = await startCluster(debianBinaries ?? "");
    await cluster.backup("base", { args: ["-X", "none"] });
    await cluster.query(
      "create table t as select repeat(md5(n::text), 1 + n % 300) as text from generate_series(1, 4000) n",
    );
    const [{ end } = {}] = await cluster.query("select pg_current_wal_flush_lsn()::text as end");
    await cluster.archive();
    const manifest = await readFile(join(cluster.path, "base", "backup_manifest"), "utf8");
    span = [/"Start-LSN": "([^"]+)"/.exec(manifest)?.[1] ?? "", String(end)];
    range = { timeline: 1, start: lsnOf(span[0]) ?? 0n, end: lsnOf(span[1]) ?? 0n };
  });
  afterAll(() => cluster.dispose());

  const fileAt = (lsn: bigint): string => join(cluster.wal, segmentAt(1, lsn, segmentBytes));
  const ours = async (system?: string): Promise<boolean> => {
    const first = segmentAt(1, range.start, segmentBytes);
    return (await readLog(range, { first, system, read: segmentsIn(cluster.wal) })) === segmentBytes;
  };
  const theirs = (): boolean => {
    const [start, end] = span;
    const args = ["--quiet", "--path", cluster.wal, "--timeline=1", `--start=${start}`, `--end=${end}`];
    return spawnSync(join(debianBinaries ?? "", "pg_waldump"), args).status === 0;
  };

  test("that spans segments is whole, and is of one server", async () => {
    expect(segmentAt(1, range.end, segmentBytes)).not.toBe(segmentAt(1, range.start, segmentBytes));
    expect(theirs()).toBe(true);
    expect(await ours()).toBe(true);
    expect(await ours("1")).toBe(false);
  });

  test("with one bit changed is what pg_waldump says of it, wherever the bit is", async () => {
    const afterSwitch = range.end - (range.end % BigInt(segmentBytes));
    const place = fc.oneof(
      // In the header of a segment, of a page, in what was written for the backup, and anywhere in the rest.
      fc.nat(39).map((offset) => afterSwitch + BigInt(offset)),
      fc.nat(23).map((offset) => afterSwitch + BigInt(8192 * 3 + offset)),
      fc.nat(400).map((offset) => range.start + BigInt(offset)),
      fc.nat(Number(range.end - afterSwitch) - 1).map((offset) => afterSwitch + BigInt(offset)),
    );
    let broken = 0;
    await fc.assert(
      fc.asyncProperty(place, fc.nat(7), async (lsn, bit) => {
        const bytes = await readFile(fileAt(lsn));
        const offset = Number(lsn % BigInt(segmentBytes));
        const flip = (): number => bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
        flip();
        await writeFile(fileAt(lsn), bytes);
        const found = await ours();
        if (!found) broken += 1;
        // Of the last page that it reads, pg_waldump takes any later timeline.
        const isTimeline = offset % 8192 >= 4 && offset % 8192 < 8;
        expect(found).toBe(theirs() && (found || !isTimeline));
        flip();
        await writeFile(fileAt(lsn), bytes);
      }),
      // A page that claims to go on with a record where none is open; a segment that claims to begin behind the range's end.
      {
        numRuns: 40,
        endOnFailure: true,
        examples: [
          [afterSwitch + 2n, 0],
          [afterSwitch + 10n, 5],
          [range.end - (range.end % 8192n) + 5n, 0],
        ],
      },
    );
    expect(broken).toBeGreaterThan(0);
  });
});
