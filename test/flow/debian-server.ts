import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the distribution's packages install each version. */
export const debianRoot = "/usr/lib/postgresql";

/** Directory of the programs of the oldest PostgreSQL that the distribution's packages installed. */
export const debianBinaries: string | undefined = (existsSync(debianRoot) ? readdirSync(debianRoot) : [])
  .filter((version) => Number(version) >= 14)
  .toSorted((a, b) => Number(a) - Number(b))
  .map((version) => join(debianRoot, version, "bin"))
  .find((directory) => existsSync(join(directory, "initdb")));

/** Why tests on such a server cannot run here; undefined when they can. */
export const debianMissing: string | undefined =
  debianBinaries === undefined ? "no PostgreSQL from the distribution's packages is installed" : undefined;

export type DebianServer = {
  readonly port: number;
  readonly password: string;
  /** Major version. */
  readonly version: number;
  readonly stop: () => Promise<void>;
};

type Account = { readonly uid?: number; readonly gid?: number };

/** PostgreSQL refuses to run as root: the packages' own account, else nobody. */
export const account = (): Account => {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const line = lines.find((each) => each.startsWith("postgres:")) ?? lines.find((each) => each.startsWith("nobody:"));
  const [, , uid, gid] = (line ?? "").split(":");
  return { uid: Number(uid), gid: Number(gid) };
};

/** A cluster of its own with passwords over TCP and default settings, as a company has one; Lethe neither made nor started it. */
export const startDebianServer = async (): Promise<DebianServer> => {
  const bin = debianBinaries ?? "";
  const directory = await mkdtemp(join(tmpdir(), "lethe-debian-"));
  const who = account();
  const password = "the-owner";
  const secret = join(directory, "password");
  const data = join(directory, "data");
  await writeFile(secret, password);
  await mkdir(data);
  for (const path of [directory, secret, data]) {
    if (who.uid !== undefined && who.gid !== undefined) await chown(path, who.uid, who.gid);
    await chmod(path, 0o700);
  }
  await finish(
    join(bin, "initdb"),
    ["-D", data, "-U", "postgres", "-A", "scram-sha-256", `--pwfile=${secret}`, "-E", "UTF8", "--locale=C.UTF-8", "-N"],
    who,
  );
  const port = await freePort();
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`;
  const control = (...args: string[]) => finish(join(bin, "pg_ctl"), ["-D", data, "-w", ...args], who);
  await control("-l", join(directory, "log"), "-o", settings, "start");
  return {
    port,
    password,
    version: Number.parseInt(readFileSync(join(data, "PG_VERSION"), "utf8"), 10),
    stop: async () => {
      await control("-m", "immediate", "stop");
      await rm(directory, { recursive: true, force: true });
    },
  };
};

const finish = (program: string, args: readonly string[], who: Account): Promise<void> =>
  new Promise((settle, reject) => {
    const child = spawn(program, args, { ...who, cwd: "/", stdio: "ignore" });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? settle() : reject(new Error(`${program} ended with ${code}`))));
  });

export const freePort = (): Promise<number> =>
  new Promise((settle, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => settle(port));
    });
  });
