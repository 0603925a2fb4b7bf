import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sha256Hex } from "#lib/canonical.ts";
import { makePerson, readExport } from "#test/export/read-export.ts";
import { lethe, type Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

// Each test starts several processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

const canary = "canary.7q@private.example";
const dpo = await makePerson();
let project: Project;
beforeEach(async () => {
  project = await createProject({
    schema: `create table customers (id int primary key, email text, private_email text);
      create table letters (id int primary key, customer_id int references customers, body text);
      insert into customers select n, 'p' || n || '@shop.example', '${canary}' from generate_series(1, 3) n;
      insert into letters select n, n % 3 + 1, repeat('Write to ${canary}. ', 20) || n from generate_series(1, 3000) n`,
    policy: `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: erase }
  letters: { treatment: erase }
`,
    sections: { export: { recipients: [dpo.recipient] } },
  });
  await mkdir(join(project.directory, "tmp"));
});
afterEach(() => project.dispose());

const run = (args: readonly string[], now: string, fault = ""): Promise<Ended> =>
  (fault === "" ? letheHere : lethe)([...args, "--now", now], {
    cwd: project.directory,
    env: { LETHE_USER: "dpo", LETHE_FAULT: fault, TMPDIR: join(project.directory, "tmp") },
  });

const left = () =>
  project.store.query(
    "select (select count(*) from customers) as customers, (select count(*) from letters) as letters",
  );
const everything = [{ customers: 3, letters: 3000 }];
const recorded = () =>
  project.state.query<{ ref: string; sha256: string; bytes: number; rows: number }>(
    "select ref, sha256, bytes, x.rows from lethe.export x join lethe.request r on r.id = x.request_id order by ref",
  );

/** Every file below the project in which the text stands, as it is or with every other byte nought. */
const filesWith = async (text: string): Promise<string[]> => {
  const entries = await readdir(project.directory, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    if (bytes.includes(text) || bytes.includes(Buffer.from(text, "utf16le"))) found.push(path);
  }
  return found;
};

test("the export is finished before the first change: killed after it nothing is erased and the next night exports again; no clear text is on the disk", async () => {
  const added = await run(["request", "add", "--key", "1", "--json"], "2026-11-02T02:00:00Z");
  const { ref } = JSON.parse(added.stdout) as { ref: string };
  await run(["request", "approve", "--all"], "2026-11-02T02:00:00Z");
  const file = join(project.directory, "exports", `${ref}.shop.jsonl.age`);

  expect(await run(["run"], "2026-11-02T03:00:00Z", "after-export-written")).toMatchObject({ signal: "SIGKILL" });
  expect(await left()).toEqual(everything);
  const first = await readFile(file);
  expect((await readExport(file, dpo)).last).toEqual({ rows: 1001 });
  // Not on record yet: the plan was not frozen, and nothing is claimed.
  expect(await recorded()).toEqual([]);
  expect(await project.state.query("select from lethe.batch")).toEqual([]);
  expect(await filesWith(canary)).toEqual([]);

  expect(await run(["run"], "2026-11-02T04:00:00Z", "after-plan-frozen")).toMatchObject({ signal: "SIGKILL" });
  expect(await left()).toEqual(everything);
  const [claim] = await recorded();
  const second = await readFile(file);
  expect(second.equals(first)).toBe(false);
  expect(claim).toEqual({ ref, sha256: sha256Hex(second), bytes: second.length, rows: 1001 });

  // The file is another one now: what was on record of the one before is not any more.
  expect(await run(["run"], "2026-11-02T05:00:00Z", "after-export-written")).toMatchObject({ signal: "SIGKILL" });
  expect((await readFile(file)).equals(second)).toBe(false);
  expect(await recorded()).toEqual([]);

  expect(await run(["run"], "2026-11-02T06:00:00Z")).toMatchObject({ code: 0 });
  expect(await left()).toEqual([{ customers: 2, letters: 2000 }]);
  const last = await readFile(file);
  expect(await recorded()).toEqual([{ ref, sha256: sha256Hex(last), bytes: last.length, rows: 1001 }]);
  const { rows } = await readExport(file, dpo);
  expect(rows).toHaveLength(1001);
  expect(rows[0]).toEqual({ table: "customers", row: { id: 1, email: "p1@shop.example", private_email: canary } });
  expect(await readdir(join(project.directory, "exports"))).toEqual([`${ref}.shop.jsonl.age`]);
  expect(await filesWith(canary)).toEqual([]);
});
