import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import pg from "pg";
import { startEmbedded } from "#db/embedded.ts";
import { generateKeys } from "#lib/keys.ts";
import { buildShop } from "#test/bench/build.ts";
import { timeLethe, type Timed } from "#test/bench/command.ts";

export type Workplace = AsyncDisposable & {
  /** On the store, for the script and for looking at what became of it. */
  readonly client: pg.Client;
  readonly lethe: (...args: string[]) => Promise<Timed>;
  /** Enters and approves requests for customers by their e-mail addresses; answers how long that took, in seconds. */
  readonly request: (emails: readonly string[]) => Promise<number>;
};

/** What differs from the embedded server's own settings, for both sides: no work of the server's own falls into somebody's turn. */
export const serverSettings = [
  "shared_buffers = '1GB'",
  "autovacuum = off",
  "max_wal_size = '16GB'",
  "checkpoint_timeout = '1h'",
] as const;

export const configureServer = async (directory: string): Promise<void> => {
  const server = await startEmbedded(directory, { fsync: false });
  const client = new pg.Client({ connectionString: server.url("postgres") });
  try {
    await client.connect();
    for (const setting of serverSettings) await client.query(`alter system set ${setting}`);
  } finally {
    await client.end();
    await server.stop();
  }
};

/** A server, the shop and a configuration of Lethe in `directory`; what an earlier call has built there is used again. */
export const openWorkplace = async (
  directory: string,
  customers: number,
  report: (what: string) => void,
): Promise<Workplace> => {
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await using opened = new AsyncDisposableStack();
  await configureServer(directory);
  const server = await startEmbedded(directory, { fsync: false });
  opened.defer(() => server.stop());
  await Promise.all(["shop", "lethe"].map((database) => server.ensureDatabase(database)));
  const client = new pg.Client({ connectionString: server.url("shop") });
  await client.connect();
  opened.defer(() => client.end());
  const { rows } = await client.query<{ built: boolean }>("select to_regclass('customers') is not null as built");
  if (rows[0]?.built !== true) {
    await buildShop(client, customers, report);
    await generateKeys(join(directory, "keys"));
  }
  await copyFile(resolve(import.meta.dirname, "policy.yaml"), join(directory, "policy.yaml"));
  await writeFile(join(directory, "lethe.yaml"), configuration);
  const env = { LETHE_SHOP: server.url("shop"), LETHE_STATE: server.url("lethe"), LETHE_USER: "bench" };
  const lethe = (...args: string[]): Promise<Timed> => timeLethe(args, { cwd: directory, env });
  let files = 0;
  const closing = opened.move();
  return {
    client,
    lethe,
    request: async (emails) => {
      files += 1;
      const file = join(directory, `requests-${files}.csv`);
      await writeFile(file, `received,email\n${emails.map((email) => `2026-11-02,${email}\n`).join("")}`);
      const imported = await lethe("request", "import", file);
      const approved = await lethe("request", "approve", "--all");
      return imported.seconds + approved.seconds;
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};

const configuration = `controller: { name: Bench, country: DE, region: BE, dpo: dpo@shop.example, time_zone: Europe/Berlin }
state: { url: "\${LETHE_STATE}" }
stores:
  shop: { url: "\${LETHE_SHOP}", policy: policy.yaml }
`;
