import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { movedBackups } from "#backups/moved.ts";
import { purgeBackups, purgeRepository } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Repository } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import type { S3Config } from "#config.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { lineTo, withoutVersion, type Line } from "#test/backups/s3/between.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";
import { plainDump } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";

describe.skipIf(gatewayMissing !== undefined)("nothing counts as gone that a question by its name still finds", () => {
  let at: BucketScene;
  let line: Line;
  beforeEach(async () => {
    at = await bucketScene(now);
    line = await lineTo(at.endpoint);
  });
  afterEach(async () => {
    await line.close();
    await at.dispose();
  });

  /** A night through the line, or with a configuration that differs in more. */
  const night = async (run: string, changed: Partial<S3Config> = {}): Promise<RepositoryResult> => {
    const context = at.on(now);
    const backups = [{ ...at.config, endpoint: line.endpoint, ...changed }];
    const [result] = await purgeBackups({ ...context, config: { ...context.config, backups } }, await at.newRun(run));
    if (result === undefined) throw new Error("no result");
    return result;
  };
  const nameOf = async (Key: string): Promise<{ readonly name: string; readonly version: string }> => {
    const { VersionId: version = "" } = await at.s3.headObject({ Bucket, Key });
    return { name: `${Key}?versionId=${version}`, version };
  };
  /** The version is there, and listings say nothing of it any more. */
  const hide = (version: string): void => {
    line.rewrite = (_asked, body) => withoutVersion(body, version);
  };

  test("neither where the server says that it deleted, and lists it no more", async () => {
    const [first = ""] = await at.putNights(32, "2026-11-22");
    const { name, version } = await nameOf(first);
    line.answer = ({ method, url }) => {
      if (method !== "DELETE" || !url.includes(version)) return undefined;
      hide(version);
      return 204;
    };
    const told = [{ name, code: "BACKUP_NOT_DELETED", breach: "2026-11-21" }];
    expect(await night("R1")).toMatchObject({ purged: 1, exceptions: told });
    expect((await at.states())[name]).toBe("condemned");
    // Nor in the night after, to which the deletion looks like one of a run that died.
    expect(await night("R2")).toMatchObject({ purged: 0, exceptions: told });
    expect((await at.states())[name]).toBe("condemned");
    line.answer = () => undefined;
    line.rewrite = (_asked, body) => body;
    expect(await night("R3")).toMatchObject({ purged: 1, kept: 30, exceptions: [] });
    expect((await at.entries("backup.purged")).map((entry) => entry["name"])).toContain(name);
  });

  test("nor where the server is too busy to be asked: then the next night tells it", async () => {
    const [first = ""] = await at.putNights(31, "2026-11-22");
    const { name, version } = await nameOf(first);
    line.answer = ({ method, url }) => (method === "HEAD" && url.includes(version) ? 503 : undefined);
    expect(await night("R1")).toMatchObject({ purged: 0, exceptions: [{ name, code: "BACKUP_NOT_DELETED" }] });
    expect((await at.states())[name]).toBe("condemned");
    line.answer = () => undefined;
    expect(await night("R2")).toMatchObject({ purged: 1, kept: 30, exceptions: [] });
    expect((await at.states())[name]).toBe("purged");
  });

  test("nor one that is not due, and that a listing leaves out", async () => {
    const keys = await at.putNights(5, "2026-11-22");
    await night("R1");
    const { name, version } = await nameOf(keys[2] ?? "");
    hide(version);
    expect(await night("R2")).toMatchObject({
      purged: 0,
      exceptions: [{ name, code: "BACKUP_UNREADABLE", breach: "2026-12-20" }],
    });
    expect((await at.states())[name]).toBe("listed");
    await at.s3.deleteObject({ Bucket, Key: keys[2] ?? "", VersionId: version });
    expect(await night("R3")).toMatchObject({ purged: 0, exceptions: [{ name, code: "BACKUP_VANISHED" }] });
    expect((await at.states())[name]).toBe("vanished");
  });

  test("nor does its side-car go, which has to be there when it is seen again", async () => {
    const [key = ""] = await at.putNights(3, "2026-11-22");
    await at.put(`${key}.sha256`, "0", "2026-11-20T02:10:00Z");
    await night("R1");
    hide((await nameOf(key)).version);
    await night("R2");
    expect(await at.listed()).toContain(`${key}.sha256`);
  });

  test("nor does the delete marker over it, without which everybody would see it again", async () => {
    const [key = ""] = await at.putNights(3, "2026-11-22");
    const { name, version } = await nameOf(key);
    await night("R1");
    await at.s3.deleteObject({ Bucket, Key: key });
    hide(version);
    await night("R2");
    expect(await at.listed()).toContain(`${key} marker`);
    await at.s3.deleteObject({ Bucket, Key: key, VersionId: version });
    await night("R3");
    expect((await at.states())[name]).toBe("vanished");
    await night("R4");
    expect(await at.listed()).toHaveLength(2);
  });

  test("and what another night told as gone meanwhile is told once, and is in nobody's way", async () => {
    await at.putNights(32, "2026-11-22");
    const real = s3Repository(at.config, "Europe/Berlin");
    const overtaken: Repository = {
      ...real,
      finish: async (of) => {
        const finished = await real.finish?.(of);
        expect(await night("R2")).toMatchObject({ purged: 2, exceptions: [] });
        return finished ?? true;
      },
    };
    const config = { ...at.config, endpoint: line.endpoint };
    const result = await purgeRepository(at.on(now), await at.newRun("R1"), config, overtaken);
    expect(result).toMatchObject({ purged: 0, kept: 30, exceptions: [] });
    expect(await at.entries("backup.purged")).toHaveLength(2);
  });

  test("nor what lies where the configuration no longer looks, be it by the word of somebody that all was moved", async () => {
    await at.putNights(2, "2026-11-22");
    await at.put("moved/shop-2026-11-22T0200Z.dump", plainDump(""), "2026-11-22T02:00:00Z");
    await night("R1");
    const there = { prefix: "moved/" };
    expect(await night("R2", there)).toMatchObject({ purged: 0, exceptions: [{ name: "*", code: "BACKUP_MOVED" }] });
    const context = at.on(now);
    const backups = [{ ...at.config, endpoint: line.endpoint, ...there }];
    await movedBackups({ ...context, config: { ...context.config, backups } }, "vault", { by: "0f1e2d3c" });
    const result = await night("R3", there);
    expect(result).toMatchObject({ purged: 0, kept: 1 });
    expect(result.exceptions.map(({ code }) => code)).toEqual(["BACKUP_UNREADABLE", "BACKUP_UNREADABLE"]);
    expect(Object.values(await at.states())).toEqual(["listed", "listed", "listed"]);
  });
});
