import { S3 } from "@aws-sdk/client-s3";
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { link, mkdir, mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { dirname, join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { gatewayProgram } from "#test/backups/programs.ts";
import { freePort } from "#test/flow/debian-server.ts";

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** A server of S3 on loopback, over directories of its own. */
export type Gateway = {
  readonly endpoint: string;
  /** As an administrator has it. */
  readonly s3: S3;
  readonly credentials: Credentials;
  /** An account that may do what the policies of buckets allow it. */
  readonly addAccount: (name: string) => Promise<Credentials>;
  /** What the server keeps, as files: of objects and parts, and of versions that are not current. */
  readonly directory: string;
  /** When it came: the server tells its file's time. Named by its key is what is current, by their id are other versions, and uploads in parts. */
  readonly setModified: (name: string, instant: string) => Promise<void>;
  /** Objects with the version, the bytes and the time of one that is current: thousands in no time. */
  readonly multiply: (bucket: string, key: string, keys: readonly string[]) => Promise<void>;
  /** Paths of files that have a text in their name or their bytes. */
  readonly holding: (text: string) => Promise<string[]>;
  readonly dispose: () => Promise<void>;
};

/** `versions: false`: a server that knows none. */
export const startGateway = async ({ versions = true } = {}): Promise<Gateway> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-s3-"));
  await Promise.all(["data", "versions", "accounts"].map((name) => mkdir(join(directory, name))));
  const credentialsOf = (accessKeyId: string): Credentials => ({
    accessKeyId,
    secretAccessKey: randomBytes(20).toString("hex"),
  });
  const credentials = credentialsOf("AKLETHETEST");
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(
    gatewayProgram ?? "versitygw",
    [
      "--port",
      `127.0.0.1:${port}`,
      "--health",
      "/health",
      "--quiet",
      "--iam-dir",
      join(directory, "accounts"),
      "posix",
      ...(versions ? ["--versioning-dir", join(directory, "versions")] : []),
      join(directory, "data"),
    ],
    {
      stdio: "ignore",
      env: {
        PATH: process.env["PATH"],
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
    },
  );
  const closed = once(child, "close");
  const kill = (): void => void child.kill("SIGKILL");
  // A test run that dies must not leave it behind.
  process.once("exit", kill);
  while (
    !(await fetch(`${endpoint}/health`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`versitygw ended with ${child.exitCode}`);
    await new Promise((settle) => setTimeout(settle, 20));
  }
  const s3 = new S3({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  return {
    endpoint,
    s3,
    credentials,
    directory,
    addAccount: async (name) => {
      const added = credentialsOf(name);
      const { accessKeyId, secretAccessKey } = credentials;
      const asRoot = ["--access", accessKeyId, "--secret", secretAccessKey, "--endpoint-url", endpoint];
      const user = ["--access", name, "--secret", added.secretAccessKey, "--role", "user"];
      await promisify(execFile)(gatewayProgram ?? "versitygw", ["admin", ...asRoot, "create-user", ...user]);
      return added;
    },
    setModified: async (name, instant) => {
      const paths = await readdir(directory, { recursive: true });
      const path = paths.find((each) => each.endsWith(`/${name}`));
      if (path === undefined) throw new Error(`no file of ${name}`);
      const seconds = Temporal.Instant.from(instant).epochMilliseconds / 1000;
      await utimes(join(directory, path), seconds, seconds);
    },
    multiply: async (bucket, key, keys) => {
      const folder = join(directory, "data", bucket);
      await mkdir(join(folder, dirname(keys[0] ?? "")), { recursive: true });
      for (const each of keys) await link(join(folder, key), join(folder, each));
    },
    holding: async (text) => {
      const found: string[] = [];
      for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.name.includes(text) || (entry.isFile() && (await readFile(path)).includes(text))) found.push(path);
      }
      return found;
    },
    dispose: async () => {
      s3.destroy();
      kill();
      process.off("exit", kill);
      await closed;
      await rm(directory, { recursive: true, force: true });
    },
  };
};
