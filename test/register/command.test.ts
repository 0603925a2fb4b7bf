import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { hashFile } from "#evidence/hash-file.ts";
import { registerPoints } from "#lib/fault.ts";
import { openWorkbook, rowsOf, sheetOf } from "#test/register/read-workbook.ts";
import { lethe, type Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

// Each test starts several processes, one after the other.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const canary = "ada.canary@shop.example";
let project: Project;
let refs: readonly string[];
beforeAll(async () => {
  project = await createProject({
    schema: `create table customers (id int primary key, email text); insert into customers values (1, '${canary}')`,
    policy: `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: erase }
`,
  });
  refs = [await add(canary), await add("nobody@shop.example")];
  await run("request", "approve", refs[0] ?? "");
  await run("run");
  await run("request", "refuse", refs[1] ?? "", "--reason", "not-a-data-subject");
});
afterAll(() => project.dispose());

const run = (...args: string[]): Promise<Ended> =>
  letheHere([...args, "--now", "2026-11-03T09:00:00Z"], { cwd: project.directory, env: { LETHE_USER: "dpo" } });
const add = async (email: string): Promise<string> => {
  const { stdout } = await run("request", "add", "--email", email, "--received", "2026-10-12", "--json");
  return (JSON.parse(stdout) as { ref: string }).ref;
};
const workbooks = async (): Promise<string[]> =>
  (await readdir(project.directory)).filter((name) => name.includes(".xlsx"));

test("`lethe register export --json` writes the workbook of a real night and says what is in it, in one document", async () => {
  const ended = await run("register", "export", "--out", "dpo.xlsx", "--json");
  expect(ended.code).toBe(0);
  const file = join(project.directory, "dpo.xlsx");
  const document = JSON.parse(ended.stdout) as { reconciliation: { what: string; written: number; equal: boolean }[] };
  expect(document).toMatchObject({
    register: file,
    sha256: await hashFile(file),
    readAt: expect.stringMatching(/^2026-11-03T09:00:/),
    period: { from: null, to: null },
    requests: { received: 2, done: 1, refused: 1, withdrawn: 0, pending: 0, failed: 0, blocked: 0, overdue: 0 },
    rows: { Requests: 2, Clocks: 2, Overdue: 0, Dispositions: 1 },
    ledger: { size: expect.any(Number), root: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  expect(document.reconciliation.map(({ what, written, equal }) => [what, written, equal])).toEqual([
    ["received", 2, true],
    ["done", 1, true],
    ["refused", 1, true],
    ["withdrawn", 0, true],
    ["pending", 0, true],
    ["failed", 0, true],
  ]);
  const workbook = await openWorkbook(file);
  const byName = (a: unknown, b: unknown) => (String(a) < String(b) ? -1 : 1);
  expect(rowsOf(sheetOf(workbook, "Requests")).map((row) => row["Reference"])).toEqual(refs.toSorted(byName));
  expect(rowsOf(sheetOf(workbook, "Dispositions"))).toMatchObject([
    { Reference: refs[0], Store: "shop", Table: "customers", Treatment: "erase", Rows: 1 },
  ]);
  expect(rowsOf(sheetOf(workbook, "Decisions")).map((row) => [row["Reference"], row["Decision"], row["By"]])).toEqual([
    [refs[0], "verified", "dpo"],
    [refs[0], "approved", "dpo"],
    [refs[1], "refused", "dpo"],
  ]);
  expect(ended.stdout + ended.stderr).not.toContain("canary");
});

test("a person reads of what it is, the equation and the path, and the file is named by the day", async () => {
  const ended = await run("register", "export", "--from", "2026-10-01");
  expect(ended).toMatchObject({
    code: 0,
    stdout: `requests received since 2026-10-01
2 received = 1 done + 1 refused + 0 withdrawn + 0 pending + 0 failed
${join(project.directory, "lethe-register-2026-11-03.xlsx")}
`,
  });
  const again = await run("register", "export", "--json");
  expect(again.code).toBe(2);
  expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: "FILE_EXISTS" } });
});

test("a period that is none is a usage error", async () => {
  const ended = await run("register", "export", "--from", "2026-11-30", "--to", "2026-11-01", "--out", "none.xlsx");
  expect(ended).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("error USAGE") });
  expect(await workbooks()).not.toContain("none.xlsx");
});

test.each(registerPoints)(
  "killed at %s, it leaves nothing under the name, and the next export writes it",
  async (point) => {
    const args = ["register", "export", "--out", "killed.xlsx", "--json"];
    const options = { cwd: project.directory, env: { LETHE_USER: "dpo", LETHE_FAULT: point } };
    expect(await lethe(args, options)).toMatchObject({ signal: "SIGKILL", stdout: "" });
    expect(await workbooks()).not.toContain("killed.xlsx");
    const ended = await run(...args);
    expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([0, { requests: { received: 2 } }]);
    expect(await workbooks()).toContain("killed.xlsx");
  },
);
