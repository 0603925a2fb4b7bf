import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBackups } from "#backups/check.ts";
import { purgeRepository } from "#backups/purge.ts";
import type { Repository } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { goodGzip } from "#test/backups/repository-files.ts";
import { lineTo } from "#test/backups/s3/between.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";

describe.skipIf(gatewayMissing !== undefined).each([
  { where: "on a server without any", versions: false },
  { where: "on a server with some", versions: true },
])("a bucket without versions, $where", ({ versions }) => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now, { versions, versioning: false });
  });
  afterEach(() => at.dispose());

  test("loses what is past its time, and is fine as it is", async () => {
    const keys = await at.putNights(45, "2026-11-22");
    expect(await checkBackups(at.on("2026-10-24T04:00:00Z"))).toMatchObject([{ findings: [] }]);
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 15, kept: 30, exceptions: [] });
    expect(await at.listed()).toEqual(keys.slice(15));
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual(keys.slice(0, 15));
  });

  test("keeps other bytes that came under the name of what is due, before it is looked at or while it is", async () => {
    const [first = "", second = ""] = await at.putNights(33, "2026-11-22");
    const real = s3Repository(at.config, "Europe/Berlin");
    const racing: Repository = {
      ...real,
      remove: async (set) => {
        if (set.name === first) await at.put(first, goodGzip("another one"), now);
        return real.remove(set);
      },
    };
    expect(await purgeRepository(at.on(now), await at.newRun("R1"), at.config, racing)).toMatchObject({ purged: 2 });
    expect(await at.listed()).toContain(first);
    expect(await at.listed()).not.toContain(second);
  });

  test("keeps a side-car that came meanwhile, and waits for its set, though the one before it was to go", async () => {
    await at.putNights(1, "2026-11-22");
    await at.put("latest.dump.sha256", "old", "2026-10-01T02:00:00Z");
    const real = s3Repository(at.config, "Europe/Berlin");
    const racing: Repository = {
      ...real,
      finish: async (of) => {
        await at.put("latest.dump.sha256", "new", now);
        return (await real.finish?.(of)) ?? true;
      },
    };
    await purgeRepository(at.on(now), await at.newRun("R1"), at.config, racing);
    expect(await at.listed()).toContain("latest.dump.sha256");
  });

  test("loses nothing that it does not have any more: vanished, and not claimed", async () => {
    const [first = ""] = await at.putNights(32, "2026-11-22");
    const real = s3Repository(at.config, "Europe/Berlin");
    const racing: Repository = {
      ...real,
      remove: async (set) => {
        if (set.name === first) await at.s3.deleteObject({ Bucket, Key: first });
        return real.remove(set);
      },
    };
    const result = await purgeRepository(at.on(now), await at.newRun("R1"), at.config, racing);
    expect(result).toMatchObject({ purged: 1, kept: 30, exceptions: [] });
    expect((await at.states())[first]).toBe("vanished");
  });

  test.each([
    { what: "by another name", from: "shop-2026-10-23", to: "shap-2026-10-23" },
    { what: "by another ETag", from: /&#34;[0-9a-f]/g, to: "&#34;z" },
  ])("loses nothing that it lists $what than it has, and is not silent about it", async ({ from, to }) => {
    await at.putNights(31, "2026-11-22");
    const line = await lineTo(at.endpoint);
    line.rewrite = (_asked, body) =>
      body.replaceAll(/<Version>.*?<\/Version>/gs, (each) =>
        each.includes("shop-2026-10-23") ? each.replaceAll(from, to) : each,
      );
    try {
      const config = { ...at.config, endpoint: line.endpoint };
      const vault = s3Repository(config, "Europe/Berlin");
      const result = await purgeRepository(at.on(now), await at.newRun("R1"), config, vault);
      expect(result).toMatchObject({ purged: 0, kept: 31 });
      expect(result.exceptions).toEqual([
        { name: expect.stringMatching(/^sh.p-2026-10-23/), code: "BACKUP_NOT_DELETED", breach: "2026-11-22" },
      ]);
      expect(await at.listed()).toHaveLength(31);
    } finally {
      await line.close();
    }
  });
});
