import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { startEmbedded } from "#db/embedded.ts";
import { generateKeys } from "#lib/keys.ts";
import { timeLethe, type Timed } from "#test/bench/command.ts";
import { configureServer, serverSettings } from "#test/bench/workplace.ts";

export const say = (line: string): void => void process.stderr.write(`${line}\n`);

export type Copies = AsyncDisposable & {
  readonly connect: (database: string) => Promise<pg.Client>;
  readonly url: (database: string) => string;
  /** A copy of what was built, or of another database of which nobody makes use, written to the disk. */
  readonly fresh: (name: string, from?: string) => Promise<pg.Client>;
  /** The same for Lethe, with a database of its own that is new, and its command line. */
  readonly forLethe: () => Promise<{
    readonly client: pg.Client;
    readonly lethe: (...args: string[]) => Promise<Timed>;
  }>;
};

export type CopiesOptions = {
  /** Where the database is built and stays, to be used again. */
  readonly directory: string;
  /** Of the database. */
  readonly name: string;
  readonly build: (client: pg.Client) => Promise<void>;
  /** Lines of the controller in lethe.yaml, besides its name and place. */
  readonly controller: string;
  /** Further sections of it. */
  readonly sections?: string;
};

/**
 * A server with a database that is built once, and copies of it for two sides that take turns: what one has changed, and what the server has
 * yet to write, must not fall into the other's time.
 */
export const openCopies = async ({
  directory,
  name,
  build,
  controller,
  sections = "",
}: CopiesOptions): Promise<Copies> => {
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await configureServer(directory);
  await using opened = new AsyncDisposableStack();
  const server = await startEmbedded(directory, { fsync: false });
  opened.defer(() => server.stop());
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: server.url(database) });
    await client.connect();
    return client;
  };
  const admin = await connect("postgres");
  opened.defer(() => admin.end());
  const built = await admin.query("select from pg_database where datname = $1", [name]);
  if (built.rowCount === 0) {
    await server.ensureDatabase(name);
    const client = await connect(name);
    await build(client);
    await client.end();
    await generateKeys(join(directory, "keys"));
  }
  const configuration = `controller: { name: Bench, country: DE, region: BE, dpo: dpo@shop.example, ${controller} }
state: { url: "\${LETHE_STATE}" }
stores:
  shop: { url: "\${LETHE_SHOP}", policy: policy.yaml }
${sections}`;
  await writeFile(join(directory, "lethe.yaml"), configuration);
  const fresh = async (copy: string, from = name): Promise<pg.Client> => {
    await admin.query(`drop database if exists ${copy} with (force)`);
    await admin.query(`create database ${copy} template ${from} strategy file_copy`);
    await admin.query("checkpoint");
    await promisify(execFile)("sync");
    return connect(copy);
  };
  say(
    `the embedded PostgreSQL, without fsync, a fresh copy and a checkpoint before every turn, ${serverSettings.join(", ")}`,
  );
  const closing = opened.move();
  return {
    connect,
    url: (database) => server.url(database),
    fresh,
    forLethe: async () => {
      // Who waited would be looked at again, and the ledger would remember moments that lie in the future.
      await admin.query("drop database if exists lethe with (force)");
      await rm(join(directory, "reports/out"), { recursive: true, force: true });
      await server.ensureDatabase("lethe");
      const client = await fresh("by_lethe");
      const env = { LETHE_SHOP: server.url("by_lethe"), LETHE_STATE: server.url("lethe"), LETHE_USER: "bench" };
      return { client, lethe: (...args) => timeLethe(args, { cwd: directory, env }) };
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};
