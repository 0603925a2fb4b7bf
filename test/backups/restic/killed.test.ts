import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkBackups } from "#backups/check.ts";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Context } from "#context.ts";
import type { FaultPoint } from "#lib/fault.ts";
import { purgeProcess } from "#test/backups/killed-night.ts";
import { resticMissing } from "#test/backups/programs.ts";
import { run, scene, type Scene } from "#test/backups/repository-files.ts";
import { startRestServer } from "#test/backups/restic/rest-server.ts";
import { openVault, type Vault } from "#test/backups/restic/vault.ts";

const now = "2026-11-22T03:00:00Z";

describe.skipIf(resticMissing !== undefined)("a purge of a repository of restic", () => {
  let vault: Vault;
  let at: Scene;
  let ids: string[];
  // What stays and what goes lie in one file of the repository, which has to be written anew.
  const common = randomBytes(4_000_000);
  const content = (): Buffer => Buffer.concat([randomBytes(3_000_000), common]);
  beforeAll(async () => {
    vault = await openVault(now);
    ids = [];
    for (const days of [44, 31, 29, 2]) ids.push(await vault.backup(days, content()));
    await run("cp", ["-a", vault.config.repository, `${vault.config.repository}.before`]);
  });
  afterAll(() => vault.dispose());
  beforeEach(async () => {
    at = await scene(now);
    await rm(vault.config.repository, { recursive: true });
    await run("cp", ["-a", `${vault.config.repository}.before`, vault.config.repository]);
  });
  afterEach(() => at.dispose());

  const context = (program = "restic"): Context => {
    const { config, ...rest } = at.on(now);
    return { ...rest, config: { ...config, backups: [{ ...vault.config, program }] } };
  };
  const purge = async (id: string, program?: string): Promise<RepositoryResult> => {
    const [result] = await purgeBackups(context(program), await at.newRun(id));
    if (result === undefined) throw new Error("no result");
    return result;
  };
  /** What only the purged held is gone to the last byte, and what stays can be restored. */
  const expectPurged = async (): Promise<void> => {
    const [first = "", second = "", ...kept] = ids;
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual([first, second]);
    expect((await readdir(join(vault.config.repository, "snapshots"))).toSorted()).toEqual(kept.toSorted());
    expect(await at.states()).toEqual({
      [first]: "purged",
      [second]: "purged",
      ...Object.fromEntries(kept.map((id) => [id, "listed"])),
    });
    const packs = () => readdir(join(vault.config.repository, "data"), { recursive: true });
    const left = await packs();
    vault.restic("prune", "--max-unused", "0");
    expect(await packs()).toEqual(left);
    vault.restic("check", "--read-data");
    vault.restic("restore", kept.at(-1) ?? "", "--target", join(vault.directory, "restored"));
  };

  test.each<FaultPoint>([
    "before-backup-unlink",
    "after-backup-unlink",
    "after-backups-finished",
    "after-backups-recorded",
  ])("killed %s, the next run leaves the same snapshots and tells of each purge once", async (fault) => {
    await at.newRun("R1");
    await at.newRun("R2");
    const { config } = context();
    expect(await purgeProcess({ config, now, run: "R1" }, fault)).toBe("SIGKILL");
    expect(await purgeProcess({ config, now, run: "R2" })).toBeNull();
    await expectPurged();
    expect(await at.entries("backup.exception")).toEqual([]);
  });

  test.each(["POST locks", "POST data", "POST index", "DELETE index", "DELETE data"])(
    "whose restic dies in pruning after %s counts nothing as gone, and ends once the lock is lifted that it left",
    async (last) => {
      const pid = join(vault.directory, "pid");
      await using server = await startRestServer(vault.config.repository, (asked) => {
        if (asked === last) process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
        return asked === last;
      });
      const dying = await vault.wrapped("prune", `echo $$ > ${pid}; RESTIC_REPOSITORY=${server.url} exec restic "$@"`);
      const refused = { purged: 0, exceptions: [{ name: "*", code: "BACKUP_NOT_DELETED" }] };
      expect(await purge("R1", dying)).toMatchObject(refused);
      expect(await purge("R2")).toMatchObject(refused);
      expect(await at.entries("backup.purged")).toEqual([]);
      const findings = async () => (await checkBackups(context()))[0]?.findings;
      expect(await findings()).toMatchObject([{ code: "LOCKED", hint: expect.stringContaining("restic unlock") }]);
      vault.restic("unlock");
      expect(await findings()).toEqual([]);
      expect(await purge("R3")).toMatchObject({ purged: 2, kept: 2, exceptions: [] });
      await expectPurged();
    },
  );
});
