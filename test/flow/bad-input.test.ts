import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { dumpDatabase, ownTables } from "#test/flow/dump.ts";
import { lethe, type Ended } from "#test/support/cli.ts";
import type { TestDatabase } from "#test/support/database.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

// Each test runs several commands, one after the other.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const schema = `
  create table customer (id int primary key, email text, name text);
  insert into customer select i, 'c' || i || '@example.com', 'Name' || i from generate_series(1, 20) i;
  create function on_change() returns trigger language plpgsql as $$ begin return new; end $$;
  create trigger on_change before update on customer for each row execute function on_change()`;
const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customer, key: id, identifiers: { email: email }, names: [name] }
tables:
  customer: { treatment: anonymise, columns: { id: keep, email: { unique: 'erased-{random}@invalid' }, name: { set: null } } }
`;

let project: Project;
let before: unknown;

const run = (args: readonly string[], now = "2026-11-02T12:00:00Z", start = letheHere): Promise<Ended> =>
  start([...args, "--now", now], { cwd: project.directory, env: { LETHE_USER: "dpo" } });
const night = (now?: string): Promise<Ended> => run(["run", "--json"], now);
/** In a process of its own, as it happens: of each kind of trouble one night, and each that may end a process. */
const nightApart = (now?: string): Promise<Ended> => run(["run", "--json"], now, lethe);

const errorOf = ({ stdout }: Ended): unknown => (JSON.parse(stdout) as { error: unknown }).error;
/** What everybody gets to see: one document, with a code and a hint, and no address with a password in it. */
const expectError = (ended: Ended, exit: number, code: string): void => {
  expect(ended.code === exit ? exit : `${ended.code} ${ended.stdout} ${ended.stderr}`).toBe(exit);
  expect(errorOf(ended)).toMatchObject({ code, hint: expect.stringMatching(/./) });
  const { password } = new URL(project.store.url);
  if (password !== "") expect(ended.stdout + ended.stderr).not.toContain(password);
};

type Section = Record<string, unknown>;
const reconfigure = async (change: (config: Record<string, Section>) => void): Promise<void> => {
  const file = join(project.directory, "lethe.yaml");
  const config = parse(await readFile(file, "utf8")) as Record<string, Section>;
  change(config);
  await writeFile(file, stringify(config));
};
const storeAt = (url: string): Promise<void> =>
  reconfigure(({ stores }) => {
    (stores as Record<string, Section>)["shop"] = { url, policy: "policy.yaml" };
  });

/** Nothing was changed, and nothing was lost: what was to be done is done once the cause is gone. */
const store = async (): Promise<unknown> => ownTables(await dumpDatabase(project.store));
const expectUntouched = async (): Promise<void> => {
  expect(await store()).toEqual(before);
  expect(await project.state.query("select state from lethe.request")).toEqual([{ state: "approved" }]);
};
const expectDoneNow = async (now = "2026-11-02T12:30:00Z"): Promise<void> => {
  const ended = await night(now);
  expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([0, { requests: { done: 1, failed: 0 } }]);
  expect(await project.store.query("select name from customer where email like 'erased-%'")).toEqual([{ name: null }]);
  // Every run that ended has its report, also the one that could not write it.
  expect(await project.state.query("select from lethe.run where ended_at is not null and bundle is null")).toEqual([]);
};

beforeEach(async () => {
  project = await createProject({ schema, policy });
  await run(["request", "add", "--email", "c7@example.com"]);
  expect(await run(["request", "approve", "--all"])).toMatchObject({ code: 0 });
  before = await store();
});
afterEach(() => project.dispose());

/** Takes read-only back, for which the session itself has to be allowed to write. */
const writable = ({ name, query }: TestDatabase): Promise<unknown> =>
  query(`begin read write; alter database ${name} reset default_transaction_read_only; commit`);

describe("a database", () => {
  it("that nobody answers for is named, and the request waits", async () => {
    await storeAt("postgres://lethe:hunter2@127.0.0.1:1/shop");
    const ended = await nightApart();
    expectError(ended, 1, "DATABASE_REFUSED");
    expect(ended.stdout + ended.stderr).not.toContain("hunter2");
    await expectUntouched();
    await storeAt(project.store.url);
    await expectDoneNow();
  });

  it("that does not exist, or refuses the password, is named without the password", async () => {
    const url = new URL(project.store.url);
    url.pathname = "/nowhere";
    await storeAt(url.href);
    expectError(await night(), 1, "DATABASE_REFUSED");
    url.password = "hunter2";
    await storeAt(url.href);
    const ended = await night();
    expectError(ended, 1, "DATABASE_REFUSED");
    expect(ended.stdout + ended.stderr).not.toContain("hunter2");
    await expectUntouched();
  });

  it("that does not speak TLS, which the address demands, says so", async () => {
    const url = new URL(project.store.url);
    url.searchParams.set("sslmode", "require");
    await storeAt(url.href);
    const ended = await night();
    expectError(ended, 1, "DATABASE_REFUSED");
    expect(errorOf(ended)).toMatchObject({ message: expect.stringContaining("TLS") });
    await expectUntouched();
  });

  it("that hangs up on everybody is lost, not a defect of ours", async () => {
    const rude = createServer((socket) => socket.destroy());
    await new Promise<void>((settle) => void rude.listen(0, "127.0.0.1", settle));
    await storeAt(`postgres://lethe@127.0.0.1:${(rude.address() as AddressInfo).port}/shop`);
    expectError(await nightApart(), 1, "DATABASE_LOST");
    rude.close();
    await expectUntouched();
  });

  it("that is read-only is refused before anything, and done when it can be written to", async () => {
    await project.store.query(`alter database ${project.store.name} set default_transaction_read_only = on`);
    expectError(await night(), 1, "DATABASE_READ_ONLY");
    await expectUntouched();
    await writable(project.store);
    await expectDoneNow();
  });

  it("of Lethe's own that is read-only stops every command that writes", async () => {
    await project.state.query(`alter database ${project.state.name} set default_transaction_read_only = on`);
    expectError(await run(["request", "add", "--email", "c8@example.com", "--json"]), 1, "DATABASE_READ_ONLY");
    expectError(await night(), 1, "DATABASE_READ_ONLY");
    await expectUntouched();
    await writable(project.state);
    await expectDoneNow();
  });

  it("that throws us out in the middle loses nothing: the next night does it", async () => {
    const onChange = (work: string): Promise<unknown> =>
      project.store.query(`create or replace function public.on_change() returns trigger language plpgsql as
        $$ begin ${work} return new; end $$`);
    await onChange("perform pg_terminate_backend(pg_backend_pid());");
    expectError(await nightApart(), 1, "DATABASE_LOST");
    expect(await store()).toEqual(before);
    await onChange("");
    await expectDoneNow();
  });
});

describe("a directory for reports", () => {
  it("that is a file stops the night before anything changes", async () => {
    await writeFile(join(project.directory, "taken"), "mine");
    await reconfigure((config) => (config["reports"] = { directory: "taken/reports" }));
    expectError(await nightApart(), 1, "REPORT_UNWRITABLE");
    await expectUntouched();
    expect(await readFile(join(project.directory, "taken"), "utf8")).toBe("mine");
    await reconfigure((config) => (config["reports"] = { directory: "reports" }));
    await expectDoneNow();
  });

  it("that is full, or read-only, stops the night before anything changes", async ({ skip }) => {
    const small = join(project.directory, "small");
    await mkdir(small);
    const remount = (options: string): void =>
      void execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", small], { stdio: "ignore" });
    try {
      remount("size=16k");
    } catch {
      skip("mounting a small file system is not permitted here");
    }
    try {
      await reconfigure((config) => (config["reports"] = { directory: "small/reports" }));
      expectError(await night(), 1, "REPORT_UNWRITABLE");
      await expectUntouched();
      expect(await readdir(join(small, "reports"))).toEqual([]);
      remount("remount,size=64m,ro");
      expectError(await night(), 1, "REPORT_UNWRITABLE");
      await expectUntouched();
      remount("remount,size=64m,rw");
      await expectDoneNow();
    } finally {
      execFileSync("umount", [small]);
    }
  });
});

describe("a key", () => {
  const cases: readonly [string, (path: string) => Promise<void>, string][] = [
    ["is missing", (path) => rm(path), "KEY_MISSING"],
    ["can be read by everybody", (path) => chmod(path, 0o644), "KEY_EXPOSED"],
    ["is something else", (path) => writeFile(path, "c7@example.com\n"), "KEY_INVALID"],
  ];
  for (const [what, spoil, code] of cases) {
    it(`that ${what} is a mistake of configuration, and nothing is begun`, async () => {
      for (const name of ["signing", "pseudonym"] as const) {
        const path = project.keys[name];
        const good = await readFile(path);
        await spoil(path);
        const ended = await (name === "signing" ? nightApart() : night());
        expectError(ended, 2, code);
        expect(ended.stdout + ended.stderr).not.toContain("c7@");
        await rm(path, { force: true });
        await writeFile(path, good, { mode: 0o600 });
      }
      await expectUntouched();
      expect(await project.state.query("select from lethe.run")).toEqual([]);
    });
  }
});

it("a clock that went back stops the night with the ledger as it was, and right time goes on", async () => {
  const entries = () => project.state.query("select * from lethe.ledger_entry order by index");
  const recorded = await entries();
  expectError(await nightApart("2026-11-01T12:00:00Z"), 1, "CLOCK_WENT_BACK");
  await expectUntouched();
  expect(await entries()).toEqual(recorded);
  await expectDoneNow();
});
