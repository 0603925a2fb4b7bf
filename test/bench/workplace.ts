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
  readonly settings: string;
};

/**
 * A server, the shop and a configuration of Lethe in `directory`. The settings are the same for both sides, and such that no work
 * of the server's own falls into somebody's turn.
 */
export const openWorkplace = async (
  directory: string,
  customers: number,
  report: (what: string) => void,
): Promise<Workplace> => {
  const stack = new AsyncDisposableStack();
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const server = await startEmbedded(directory, { fsync: false });
  stack.defer(() => server.stop());
  await Promise.all(["shop", "lethe"].map((database) => server.ensureDatabase(database)));
  const client = new pg.Client({ connectionString: server.url("shop") });
  await client.connect();
  stack.defer(() => client.end());
  for (const setting of ["autovacuum = off", "max_wal_size = '16GB'", "checkpoint_timeout = '1h'"]) {
    await client.query(`alter system set ${setting}`);
  }
  await client.query("select pg_reload_conf()");
  await buildShop(client, customers, report);

  await generateKeys(join(directory, "keys"));
  await copyFile(resolve(import.meta.dirname, "policy.yaml"), join(directory, "policy.yaml"));
  await writeFile(join(directory, "lethe.yaml"), configuration);
  const env = { LETHE_SHOP: server.url("shop"), LETHE_STATE: server.url("lethe"), LETHE_USER: "bench" };
  const lethe = (...args: string[]): Promise<Timed> => timeLethe(args, { cwd: directory, env });
  let files = 0;
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
    settings: "PostgreSQL 18 as embedded, fsync and autovacuum off, a checkpoint before every turn",
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

const configuration = `controller: { name: Bench, country: DE, region: BE, dpo: dpo@shop.example, time_zone: Europe/Berlin }
state: { url: "\${LETHE_STATE}" }
stores:
  shop: { url: "\${LETHE_SHOP}", policy: policy.yaml }
`;
