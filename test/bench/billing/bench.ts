import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import pg from "pg";
import { Temporal } from "temporal-polyfill";
import { startEmbedded } from "#db/embedded.ts";
import { generateKeys } from "#lib/keys.ts";
import { buildBilling } from "#test/bench/billing/build.ts";
import { differences, fingerprints } from "#test/bench/billing/same.ts";
import { deleteByScript } from "#test/bench/billing/script.ts";
import { timeLethe, type Timed } from "#test/bench/command.ts";
import { aimLine, median, rounded } from "#test/bench/figures.ts";
import { configureServer, serverSettings } from "#test/bench/workplace.ts";

export type BillingOptions = {
  readonly customers: number;
  readonly subjects: number;
  readonly turns: number;
  /** Where the database is built and stays, to be used again. */
  readonly directory: string;
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const policyText = async (): Promise<string> => {
  const text = await readFile(resolve(import.meta.dirname, "../../../policies/chargebee.yaml"), "utf8");
  return text.replace("unlink_gifts: false", "unlink_gifts: true");
};

const configuration = `controller: { name: Bench, country: DE, region: BE, dpo: dpo@shop.example, time_zone: Europe/Berlin }
state: { url: "\${LETHE_STATE}" }
stores:
  shop: { url: "\${LETHE_SHOP}", policy: policy.yaml }
`;

type Turn = { readonly script: number; readonly schedule: number; readonly erase: number; readonly megabytes: number };

/**
 * The Chargebee policy with all its blockers as remedies, against a script written by hand that checks and does the same: in turns, each on
 * a fresh copy of the same database for the same customers. Throws when the two copies do not end alike.
 */
export const benchBilling = async ({ customers, subjects, turns, directory }: BillingOptions) => {
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await configureServer(directory);
  await using stack = new AsyncDisposableStack();
  const server = await startEmbedded(directory, { fsync: false });
  stack.defer(() => server.stop());
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: server.url(database) });
    await client.connect();
    return client;
  };
  const admin = await connect("postgres");
  stack.defer(() => admin.end());
  // Its ledger would remember the moments of earlier runs, which lie in the future.
  await admin.query("drop database if exists lethe with (force)");
  await server.ensureDatabase("lethe");
  const built = await admin.query("select from pg_database where datname = 'billing'");
  if (built.rowCount === 0) {
    await server.ensureDatabase("billing");
    const client = await connect("billing");
    await buildBilling(client, customers, say);
    await client.end();
    await generateKeys(join(directory, "keys"));
  }
  await writeFile(join(directory, "policy.yaml"), await policyText());
  await writeFile(join(directory, "lethe.yaml"), configuration);

  const fresh = async (name: string): Promise<pg.Client> => {
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.query(`create database ${name} template billing`);
    await admin.query("checkpoint");
    return connect(name);
  };

  const turn = async (number: number): Promise<Turn> => {
    const byHand = await fresh("by_hand");
    const drawn = await byHand.query<{ id: string; email: string }>(
      "select id, email from customers order by hashint8extended(id, $2) limit $1",
      [subjects, number],
    );
    const ids = drawn.rows.map(({ id }) => Number(id));
    const began = performance.now();
    await deleteByScript(byHand, ids);
    const script = (performance.now() - began) / 1000;

    const byLethe = await fresh("by_lethe");
    const env = { LETHE_SHOP: server.url("by_lethe"), LETHE_STATE: server.url("lethe"), LETHE_USER: "bench" };
    const lethe = (...args: string[]): Promise<Timed> => timeLethe(args, { cwd: directory, env });
    const file = join(directory, `requests-${number}.csv`);
    await writeFile(file, `received,email\n${drawn.rows.map(({ email }) => `2026-11-02,${email}\n`).join("")}`);
    // Each turn lies ten minutes after the one before, whatever the clock says: the time of grace is five.
    const start = Temporal.Now.instant().add({ minutes: 20 * number });
    await lethe("--now", start.toString(), "request", "import", file);
    await lethe("--now", start.toString(), "request", "approve", "--all");
    const schedule = await lethe("--now", start.toString(), "run", "erase");
    const erase = await lethe("--now", start.add({ minutes: 10 }).toString(), "run", "erase");

    const different = differences(await fingerprints(byHand), await fingerprints(byLethe));
    if (different.length > 0) throw new Error(`the two sides differ in ${different.join(", ")}`);
    await Promise.all([byHand.end(), byLethe.end()]);
    await lethe("--now", start.add({ minutes: 11 }).toString(), "run", "verify");
    say(
      `turn ${number}: script ${script.toFixed(1)} s, scheduling ${schedule.seconds.toFixed(1)} s, erase ${erase.seconds.toFixed(1)} s`,
    );
    return { script, schedule: schedule.seconds, erase: erase.seconds, megabytes: erase.megabytes };
  };

  say(
    `the embedded PostgreSQL, without fsync, a fresh copy and a checkpoint before every turn, ${serverSettings.join(", ")}`,
  );
  const measured: Turn[] = [];
  for (let number = 1; number <= turns; number += 1) measured.push(await turn(number));
  const of = (key: keyof Turn): number => median(measured.map((each) => each[key]));
  const aim = { what: "lethe / script", measured: of("erase") / of("script"), atMost: 1.5 };
  const summary = {
    customers,
    subjects,
    medians: { script: of("script"), schedule: of("schedule"), erase: of("erase") },
    ratio: aim.measured,
    subjectsPerSecond: { script: subjects / of("script"), erase: subjects / of("erase") },
    megabytes: Math.max(...measured.map(({ megabytes }) => megabytes)),
  };
  const text = [
    "the Chargebee policy with its seven blockers as remedies:",
    `medians in seconds: script ${rounded(of("script"))}, lethe ${rounded(of("erase"))}, and ${rounded(of("schedule"))} for the run before it that checks and schedules`,
    `subjects a second: script ${rounded(summary.subjectsPerSecond.script)}, lethe ${rounded(summary.subjectsPerSecond.erase)}; peak memory ${rounded(summary.megabytes)} MB`,
    aimLine(aim),
  ].join("\n");
  return { summary, text };
};
