import { mkdir, readdir, readFile, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { generateKeys } from "#lib/keys.ts";
import { dropCopy, restoreCopy, takeCopy } from "#test/restore/copies.ts";
import type { Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

describe("Lethe's own database, taken back along with the store", () => {
  let project: Project;
  let reports: string;
  const lethe = (day: string, ...args: readonly string[]): Promise<Ended> =>
    letheHere([...args, "--now", `2026-11-${day}T02:00:00Z`], { cwd: project.directory });
  const refused = { code: 1, stderr: expect.stringContaining("STATE_RESTORED") };
  const newest = async (): Promise<string> => (await readdir(reports)).toSorted().at(-1) ?? "";
  const entries = () => project.state.query("select from lethe.ledger_entry");
  const people = () => project.store.query("select from customers");

  beforeAll(async () => {
    project = await createProject({
      schema: `create table customers (id int primary key, email text);
        insert into customers values (1, 'ada@example.org'), (2, 'ben@example.org')`,
      policy: `{ policy: shop, version: 1, effective: 2026-01-01, owner: dpo@shop.example,
        subject: { table: customers, key: id, identifiers: { email: email } }, tables: { customers: { treatment: erase } } }`,
      sections: { backups: { barn: { kind: "directory", store: "shop", path: "backups", wal: "log" } } },
    });
    reports = join(project.directory, "reports/out");
    await mkdir(join(project.directory, "backups"));
    await mkdir(join(project.directory, "log"));
    await lethe("02", "run");
    await Promise.all([takeCopy(project.store), takeCopy(project.state)]);
    expect(await lethe("03", "request", "add", "--email", "ada@example.org")).toMatchObject({ code: 0 });
    expect(await lethe("03", "request", "approve", "--all")).toMatchObject({ code: 0 });
    await lethe("03", "run");
    expect(await people()).toHaveLength(1);
  });
  afterAll(async () => {
    await Promise.all([dropCopy(project.store), dropCopy(project.state)]);
    await project.dispose();
  });
  beforeEach(async () => {
    await Promise.all([restoreCopy(project.store), restoreCopy(project.state)]);
  });

  test("knows nobody to be missed, and is known by its reports: neither guard, nor replay, nor a night goes on", async () => {
    const before = await entries();
    expect(await people()).toHaveLength(2);
    expect(await lethe("04", "backups", "guard")).toMatchObject(refused);
    expect(await lethe("04", "run")).toMatchObject({ ...refused, stderr: expect.stringContaining(await newest()) });
    expect(await lethe("04", "backups", "replay", "--store", "shop", "--as-of", "2026-11-02T12:00:00Z")).toMatchObject(
      refused,
    );
    expect(await entries()).toEqual(before);
  });

  test("signs nothing meanwhile that would contradict what it signed", async () => {
    const [asked] = await project.state.query<{ ref: string }>("select ref from lethe.request");
    expect(asked).toBeUndefined();
    expect(await lethe("04", "request", "certificate", "R-0000-0000-0000")).toMatchObject(refused);
    expect(
      await lethe("04", "report", "export", "--from", "2026-11-01", "--to", "2026-11-03", "--out", "exported"),
    ).toMatchObject(refused);
  });

  test("is known by the report with the most entries, whatever the clocks of machines have named them", async () => {
    const lost = await newest();
    await rename(join(reports, lost), join(reports, `20261101T${lost.slice(9)}`));
    expect(await lethe("04", "backups", "guard")).toMatchObject(refused);
    await rename(join(reports, `20261101T${lost.slice(9)}`), join(reports, lost));
  });

  test("is not taken back where another controller's reports lie beside its own", async () => {
    const file = join(project.directory, "lethe.yaml");
    const written = await readFile(file, "utf8");
    await writeFile(file, written.replace("Shop GmbH", "Other GmbH"), { mode: 0o600 });
    expect(await lethe("04", "backups", "guard")).toMatchObject({ code: 0 });
    await writeFile(file, written, { mode: 0o600 });
  });

  test("cannot be told from another where the reports cannot be read: nothing goes on", async () => {
    const aside = `${reports}-aside`;
    await rename(reports, aside);
    await symlink("out", reports);
    expect(await lethe("04", "backups", "guard")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("REPORTS_UNREADABLE"),
    });
    await unlink(reports);
    await rename(aside, reports);
  });

  test("is told by `backups check` before it can happen", async () => {
    const checked = await lethe("04", "backups", "check");
    expect(checked).toMatchObject({ code: 5, stdout: expect.stringContaining("STATE_ON_STORE") });
  });

  test("is used again once somebody has put the reports aside that it does not know", async () => {
    const lost = await newest();
    await mkdir(join(project.directory, "lost"));
    await rename(join(reports, lost), join(project.directory, "lost", lost));
    expect(await lethe("04", "backups", "guard")).toMatchObject({ code: 0 });
    expect(await lethe("04", "request", "add", "--email", "ada@example.org")).toMatchObject({ code: 0 });
    expect(await lethe("04", "request", "approve", "--all")).toMatchObject({ code: 0 });
    await lethe("04", "run");
    expect(await people()).toHaveLength(1);
    for (const report of [join(reports, await newest()), join(project.directory, "lost", lost)])
      expect(await lethe("05", "verify", report, "--key", project.keys.public)).toMatchObject({ code: 0 });
    await rm(join(reports, await newest()), { recursive: true });
    await rename(join(project.directory, "lost", lost), join(reports, lost));
  });

  test("says nothing of what lies among the reports and is none of ours: of another key, another name, or changed", async () => {
    const lost = await newest();
    const note = join(reports, lost, "checkpoint");
    await rename(note, `${note}.kept`);
    expect(await lethe("04", "backups", "guard")).toMatchObject({ code: 0 });
    await writeFile(note, "none\n");
    expect(await lethe("04", "backups", "guard")).toMatchObject({ code: 0 });
    await rename(`${note}.kept`, note);
    await rename(join(reports, lost), join(reports, "2026"));
    expect(await lethe("04", "backups", "guard")).toMatchObject({ code: 0 });
    await rename(join(reports, "2026"), join(reports, lost));
    expect(await lethe("04", "backups", "guard")).toMatchObject(refused);
    await rename(join(project.directory, "keys"), join(project.directory, "keys-of-before"));
    await generateKeys(join(project.directory, "keys"));
    expect(await lethe("04", "backups", "guard")).toMatchObject({ code: 0 });
  });
});
