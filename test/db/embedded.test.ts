import { execFileSync, spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { chooseAccount, runAs } from "#db/embedded-account.ts";
import { findBinaries } from "#db/embedded-binaries.ts";
import { initialise, sweep } from "#db/embedded-cluster.ts";
import { type EmbeddedServer, startEmbedded } from "#db/embedded.ts";
import { repository } from "#test/support/cli.ts";

const root = process.getuid?.() === 0;
let directory = "";
let servers: EmbeddedServer[] = [];

/** Where a server has been that was stopped. */
let used = "";
beforeAll(async () => {
  used = await mkdtemp(join(tmpdir(), "lethe-embedded-"));
  await chmod(used, 0o711);
  await (await startEmbedded(used, { fsync: false })).stop();
});
afterAll(() => rm(used, { recursive: true, force: true }));
/** The directory as it is after a first start: for what is not about that, as initdb takes longer than the rest of a test. */
const furnish = (): void => void execFileSync("cp", ["-a", `${used}/.`, directory]);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-embedded-"));
  await chmod(directory, 0o711);
});
afterEach(async () => {
  for (const server of servers) await server.stop();
  servers = [];
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

const start = async (place = directory): Promise<EmbeddedServer> => {
  const server = await startEmbedded(place, { fsync: false });
  servers.push(server);
  return server;
};

const ask = async (url: string, text: string): Promise<unknown> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return Object.values((await client.query(text)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
};

const postmaster = async (place = directory): Promise<number> =>
  Number((await readFile(join(place, "postgres/postmaster.pid"), "utf8")).split("\n")[0]);
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

// A process of its own that starts the server, says so, and waits.
const holder = async (place: string): Promise<{ pid: number; kill: () => Promise<void> }> => {
  const script = `import { startEmbedded } from "#db/embedded.ts";
    const server = await startEmbedded(process.argv[1], { fsync: false });
    await server.ensureDatabase("shop");
    process.stdout.write("started\\n");
    setInterval(() => undefined, 1000);`;
  const args = ["-C", "source", "--input-type=module", "-e", script, place];
  const child = spawn(process.execPath, args, { cwd: repository, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the holder ended before it had started the server")));
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    pid: child.pid ?? -1,
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
};

test("runs PostgreSQL 18 in UTF-8 with byte order, on 127.0.0.1 only, behind a password that nobody else may read", async () => {
  const server = await start();
  await server.ensureDatabase("shop");
  await server.ensureDatabase("shop");
  const url = server.url("shop");
  expect(await ask(url, "show server_version")).toMatch(/^18\./);
  expect(await ask(url, "show server_encoding")).toBe("UTF8");
  expect(await ask(url, "select lower('ÄÉ') || (select count(*) from (values ('Z'), ('a')) v(x) where x < 'a')")).toBe(
    "äé1",
  );
  expect(await ask(url, "show listen_addresses")).toBe("127.0.0.1");
  expect(await ask(url, "show unix_socket_directories")).toBe("");
  expect(await ask(url, "show fsync")).toBe("off");
  expect((await stat(join(directory, "postgres.password"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, "postgres"))).mode & 0o777).toBe(0o700);
  await expect(ask(url.replace(/:[^:@]+@/, ":wrong@"), "select 1")).rejects.toMatchObject({ code: "28P01" });
});

test("keeps what was written and stops the server with its last user", async () => {
  furnish();
  const first = await start();
  await first.ensureDatabase("shop");
  await ask(first.url("shop"), "create table kept as select 42 as answer");
  await first.stop();
  await expect(ask(first.url("shop"), "select 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(await readdir(join(directory, "postgres"))).not.toContain("postmaster.pid");
  const second = await start();
  expect(await ask(second.url("shop"), "select answer from kept")).toBe(42);
});

test("two at once share one server, and it goes on until the second has finished", async () => {
  const [one, two] = await Promise.all([start(), start()]);
  expect(one.url("postgres")).toBe(two.url("postgres"));
  await one.stop();
  expect(await ask(two.url("postgres"), "select 1")).toBe(1);
  await two.stop();
  await expect(ask(two.url("postgres"), "select 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("a data directory in the making is given up without an error when another's is finished and sweeps it away", async () => {
  furnish();
  const data = join(directory, "postgres");
  const binaries = await findBinaries();
  const account = await chooseAccount(directory, data, binaries.postgres);
  const cluster = { directory, data, log: join(directory, "postgres.log"), binaries, account, fsync: false };
  const making = initialise(cluster);
  const begun = async (): Promise<boolean> =>
    (await readdir(directory)).some((name) => name.startsWith("postgres.init-"));
  while (!(await begun())) await sleep(1);
  await sweep(directory);
  await expect(making).resolves.toBeUndefined();
  await start();
});

test("leaves the server running while somebody's own client is connected", async () => {
  furnish();
  const server = await start();
  const client = new pg.Client({ connectionString: server.url("postgres") });
  await client.connect();
  await server.stop();
  expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await client.end();
  await (await start()).stop();
  await expect(stat(join(directory, "postgres/postmaster.pid"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("adopts the server of a process that was killed", async () => {
  furnish();
  const dead = await holder(directory);
  const pid = await postmaster();
  await dead.kill();
  const server = await start();
  expect(await postmaster()).toBe(pid);
  expect(await ask(server.url("shop"), "select current_database()")).toBe("shop");
});

test("starts again after the server was killed with kill -9", async () => {
  furnish();
  const first = await start();
  await first.ensureDatabase("shop");
  process.kill(await postmaster(), "SIGKILL");
  const second = await start();
  expect(await ask(second.url("shop"), "select 1")).toBe(1);
});

test("is not misled by a postmaster.pid whose number has gone to another process, nor offers it the password", async () => {
  furnish();
  const foreign = spawn("sleep", ["60"], { stdio: "ignore" });
  const lines = [foreign.pid, join(directory, "postgres"), 1, 1, "", "127.0.0.1", "", "ready"];
  await writeFile(join(directory, "postgres/postmaster.pid"), `${lines.join("\n")}\n`);
  const server = await start();
  expect(await ask(server.url("postgres"), "select 1")).toBe(1);
  expect(isAlive(foreign.pid ?? 0)).toBe(true);
  foreign.kill();
});

test("is not misled by a postmaster.pid of a server on another directory", async () => {
  furnish();
  const other = join(directory, "other");
  const theirs = await start(other);
  await writeFile(join(directory, "postgres/postmaster.pid"), await readFile(join(other, "postgres/postmaster.pid")));
  const ours = await start();
  expect(ours.url("postgres")).not.toBe(theirs.url("postgres"));
  expect(await ask(ours.url("postgres"), "show data_directory")).toBe(join(directory, "postgres"));
});

test("what a crash in initdb left is not taken for a data directory, and is removed", async () => {
  await mkdir(join(directory, "postgres.init-0123456789ab"));
  await writeFile(join(directory, "postgres.init-0123456789ab/PG_VERSION"), "18\n");
  await start();
  expect((await readdir(directory)).toSorted()).toEqual(["postgres", "postgres.log", "postgres.password"]);
});

test("the server's log quotes no row, no statement and no parameter", async () => {
  furnish();
  const server = await start();
  await server.ensureDatabase("shop");
  const client = new pg.Client({ connectionString: server.url("shop") });
  await client.connect();
  await client.query("create table customer (email text unique, age int check (age > 0))");
  await client.query("insert into customer values ('canary@example.com', 1)");
  const twice = client.query("insert into customer values ($1, $2)", ["canary@example.com", 2]);
  await expect(twice).rejects.toMatchObject({ code: "23505" });
  const check = client.query("insert into customer values ('canary2@example.com', -1)");
  await expect(check).rejects.toMatchObject({ code: "23514" });
  await client.end();
  const log = await readFile(join(directory, "postgres.log"), "utf8");
  expect(log).toContain("duplicate key");
  expect(log).not.toMatch(/canary/);
});

test("refuses data of another major version", async () => {
  furnish();
  await writeFile(join(directory, "postgres/PG_VERSION"), "17\n");
  await expect(start()).rejects.toMatchObject({ code: "EMBEDDED_FAILED" });
});

test.skipIf(!root)("as root, runs below a directory that only root may enter (skipped unless root)", async () => {
  const closed = join(directory, "closed");
  await mkdir(closed, { mode: 0o700 });
  const server = await start(join(closed, ".lethe"));
  expect(await ask(server.url("postgres"), "select 1")).toBe(1);
  expect((await stat(join(closed, ".lethe/postgres"))).uid).not.toBe(0);
});

test.skipIf(!root)(
  "as root, runs programs below such a directory: a clone in one starts too (skipped unless root)",
  async () => {
    const closed = join(directory, "closed");
    await mkdir(closed, { mode: 0o700 });
    const native = dirname(dirname((await findBinaries()).initdb));
    await cp(native, join(closed, "native"), { recursive: true, verbatimSymlinks: true });
    const initdb = join(closed, "native/bin/initdb");
    const account = await chooseAccount(closed, join(closed, "data"), initdb);
    expect(account).toMatchObject({ kind: "lowered", override: true });
    await runAs(account, initdb, ["-D", join(closed, "data"), "--no-sync", "--auth=trust"]);
    expect((await readFile(join(closed, "data/PG_VERSION"), "utf8")).trim()).toBe("18");
  },
);

test.skipIf(!root)("an ordinary user is told whose a directory of root's is (skipped unless root)", async (context) => {
  const account = await chooseAccount(repository, join(directory, "none"), process.execPath);
  if (account.kind === "lowered" && account.override) context.skip("this clone lies where only root may enter");
  await (await start()).stop();
  const script = `process.setgid(65534); process.setuid(65534);
    const { startEmbedded } = await import("#db/embedded.ts");
    await startEmbedded(process.argv[1]).catch((error) => process.stdout.write(error.code + " " + error.hint));`;
  const child = spawn(process.execPath, ["-C", "source", "--input-type=module", "-e", script, directory], {
    cwd: repository,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  expect(said).toMatch(/^EMBEDDED_FAILED run Lethe as the account that made the directory/);
});
