import { spawnSync } from "node:child_process";
import { appendFile, chown, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPgBackRest } from "#backups/pgbackrest/program.ts";
import { startCluster, type Cluster } from "#test/backups/pgbackrest/cluster.ts";
import { pgbackrestMissing } from "#test/backups/programs.ts";
import { account } from "#test/flow/debian-server.ts";

describe.skipIf(pgbackrestMissing !== undefined)("a backup of pgBackRest that is restored to try it", () => {
  let cluster: Cluster;
  const at = (name: string): string => join(dirname(cluster.repository), name);
  const own = async (name: string): Promise<string> => {
    const { uid, gid } = account();
    await mkdir(at(name), { recursive: true });
    if (uid !== undefined && gid !== undefined) await chown(at(name), uid, gid);
    return at(name);
  };
  beforeAll(async () => {
    cluster = await startCluster();
    await cluster.query(`create tablespace fast location '${await own("fast")}'`);
    await cluster.query("create table t tablespace fast as select 1 as a");
  }, 60_000);
  afterAll(() => cluster.dispose());

  test("lies where it is put, whatever the configuration says of where real ones go and what they do", async () => {
    const label = await cluster.backup("full");
    await own("elsewhere");
    await appendFile(
      cluster.config.configFile ?? "",
      `tablespace-map=fast=${at("elsewhere")}\nlink-all=y\ndelta=y\nrecovery-option=recovery_end_command=touch ${at("ran")}\n`,
    );
    await own("try");
    const { signal } = new AbortController();
    const into = { data: await own("try/data"), files: await own("try/files"), signal };
    expect(await openPgBackRest(cluster.config).restore(label, into)).toBe(true);
    expect(await readdir(at("elsewhere"))).toEqual([]);
    expect(await readdir(into.files)).toEqual(["fast"]);
    expect(await readFile(join(into.data, "postgresql.auto.conf"), "utf8")).not.toContain("recovery_end_command");
    expect(spawnSync("pgrep", ["-f", into.data]).status).toBe(1);
  });
});
