import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import pg from "pg";
import type { RepositoryResult } from "#backups/record-night.ts";
import { byName } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import type { Config, S3Config } from "#config.ts";
import { startEmbedded } from "#db/embedded.ts";
import { generateKeys } from "#lib/keys.ts";
import { plainDump } from "#test/backups/repository-files.ts";
import { startGateway, type Gateway } from "#test/backups/s3/gateway.ts";
import { listByHand, purgeByHand } from "#test/bench/buckets/plain.ts";
import { timeNode } from "#test/bench/command.ts";
import { say } from "#test/bench/copies.ts";
import { aimLine, median, rounded } from "#test/bench/figures.ts";

export type BucketOptions = {
  /** In the bucket, a tenth of them past their time. */
  readonly versions: number;
  readonly turns: number;
  /** Where Lethe's own database lies. */
  readonly directory: string;
};

const due = { modified: "2026-10-01T02:00:00Z", folder: "due" };
const kept = { modified: "2026-10-20T02:00:00Z", folder: "kept" };
/** Of the bench's nights, the last; in the others nothing is due. */
const today = "2026-11-02T02:00:00Z";
const cut = new Date("2026-10-03");

type Turn = {
  readonly listByHand: number;
  readonly inventory: number;
  readonly purgeByHand: number;
  readonly purge: number;
  /** The night before, in which nothing is due. */
  readonly idle: number;
  readonly megabytes: number;
};

/**
 * A night's purge of a bucket of versitygw, against the same requests by nothing but the SDK: in turns, on the same server, as many requests at a time.
 * Throws when a side did not delete what was due, or something else.
 */
export const benchBuckets = async ({ versions, turns, directory }: BucketOptions) => {
  await using opened = new AsyncDisposableStack();
  const gateway = opened.adopt(await startGateway(), (each) => each.dispose());
  // Where the SDK looks for them by itself, here and in the processes below.
  process.env["AWS_ACCESS_KEY_ID"] = gateway.credentials.accessKeyId;
  process.env["AWS_SECRET_ACCESS_KEY"] = gateway.credentials.secretAccessKey;
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const server = opened.adopt(await startEmbedded(directory, { fsync: false }), (each) => each.stop());
  const night = nightsOn(gateway, {
    directory,
    database: server.url("lethe"),
    keys: await generateKeys(join(directory, "keys")),
  });
  const fresh = async (): Promise<void> => {
    const admin = new pg.Client({ connectionString: server.url("postgres") });
    await admin.connect();
    await admin.query("drop database if exists lethe with (force)");
    await admin.end();
    await server.ensureDatabase("lethe");
  };
  await build(gateway, "many", versions);
  await build(gateway, "few", versions / 10);
  say(
    `versitygw, ${versions} versions in one bucket, ${versions / 10} in another; the embedded PostgreSQL, without fsync`,
  );

  const byHand = async (): Promise<number> => {
    const { seconds, answer } = await timed(() => purgeByHand(gateway.s3, "many", cut));
    if (answer !== versions / 10) throw new Error(`the script deleted ${answer}`);
    await fill(gateway, "many", { ...due, count: versions / 10 });
    return seconds;
  };
  const byLethe = async (bucket: string, count: number) => {
    await fresh();
    // A night finds what was there the night before.
    await night(bucket, "2026-10-28T02:00:00Z");
    const idle = await night(bucket, "2026-10-29T02:00:00Z");
    const purge = await night(bucket, today);
    if (purge.purged !== count / 10 || purge.kept !== count - count / 10)
      throw new Error(`lethe purged ${purge.purged} and kept ${purge.kept}`);
    await fill(gateway, bucket, { ...due, count: count / 10 });
    return { idle: idle.seconds, purge: purge.seconds, megabytes: Math.max(idle.megabytes, purge.megabytes) };
  };
  const inventory = async (): Promise<number> => {
    const { sets } = await s3Repository(configOf(gateway, "many"), "UTC").inventory(new Map());
    const { seconds, answer } = await timed(() =>
      s3Repository(configOf(gateway, "many"), "UTC").inventory(byName(sets)),
    );
    if (answer.sets.length !== versions) throw new Error(`${answer.sets.length} sets`);
    return seconds;
  };

  const few = await byLethe("few", versions / 10);
  const measured: Turn[] = [];
  for (let number = 1; number <= turns; number += 1) {
    const list = await timed(() => listByHand(gateway.s3, "many"));
    const scripted = { listByHand: list.seconds, inventory: await inventory(), purgeByHand: await byHand() };
    const turn = { ...scripted, ...(await byLethe("many", versions)) };
    measured.push(turn);
    say(
      `turn ${number}: ${Object.entries(turn)
        .map(([what, value]) => `${what} ${rounded(value)}`)
        .join(", ")}`,
    );
  }
  const summary = { versions, ...summaryOf(measured, few.megabytes) };
  return { summary, text: textOf(summary) };
};

const timed = async <T>(work: () => Promise<T>): Promise<{ readonly seconds: number; readonly answer: T }> => {
  const began = performance.now();
  const answer = await work();
  return { seconds: (performance.now() - began) / 1000, answer };
};

const configOf = ({ endpoint }: Gateway, bucket: string): S3Config => ({
  name: "vault",
  kind: "s3",
  store: "shop",
  keepDays: 30,
  bucket,
  prefix: "",
  endpoint,
  region: "us-east-1",
  forcePathStyle: true,
  profile: undefined,
});

type Place = { readonly directory: string; readonly database: string; readonly keys: Config["keys"] };

/** A night's purge of one bucket, in a process of its own. */
const nightsOn =
  (gateway: Gateway, { directory, database, keys }: Place) =>
  async (
    bucket: string,
    now: string,
  ): Promise<RepositoryResult & { readonly seconds: number; readonly megabytes: number }> => {
    const config: Config = {
      file: join(directory, "lethe.yaml"),
      directory,
      controller: {
        name: "Bench",
        country: "DE",
        region: undefined,
        dpo: "dpo@shop.example",
        regime: undefined,
        sector: undefined,
        fiscalYearBegins: "01-01",
        timeZone: "UTC",
      },
      state: { url: database },
      stores: [],
      columnStores: [],
      backups: [configOf(gateway, bucket)],
      reports: { directory: join(directory, "reports") },
      export: undefined,
      schedule: {},
      keys: { signing: keys.signing, pseudonym: keys.pseudonym },
      drill: { programs: undefined, directory: undefined },
      warnDays: 7,
    };
    const script = resolve(import.meta.dirname, "night-process.ts");
    const { document, megabytes } = await timeNode(["-C", "source", script, JSON.stringify(config), now, now], {
      cwd: directory,
      env: {},
    });
    return { ...(document as RepositoryResult & { readonly seconds: number }), megabytes };
  };

const build = async (gateway: Gateway, Bucket: string, count: number): Promise<void> => {
  await gateway.s3.createBucket({ Bucket });
  await gateway.s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Enabled" } });
  await fill(gateway, Bucket, { ...kept, count: count - count / 10 });
  await fill(gateway, Bucket, { ...due, count: count / 10 });
};

type Filling = typeof due & { readonly count: number };

const fill = async (gateway: Gateway, bucket: string, { modified, folder, count }: Filling): Promise<void> => {
  // No file has more names than all file systems allow.
  for (let first = 0; first < count; first += 10_000) {
    const source = `${folder}-${first}.dump`;
    await gateway.s3.putObject({ Bucket: bucket, Key: source, Body: plainDump("") });
    await gateway.setModified(`${bucket}/${source}`, modified);
    const length = Math.min(10_000, count - first) - 1;
    const day = modified.slice(0, 10);
    const keys = Array.from({ length }, (_, index) => `${folder}-${first}/shop-${index}-${day}.dump`);
    await gateway.multiply(bucket, source, keys);
  }
};

const summaryOf = (turns: readonly Turn[], few: number) => {
  const of = (key: keyof Turn): number => median(turns.map((each) => each[key]));
  return {
    medians: {
      listByHand: of("listByHand"),
      inventory: of("inventory"),
      purgeByHand: of("purgeByHand"),
      purge: of("purge"),
      idle: of("idle"),
    },
    ratios: { inventory: of("inventory") / of("listByHand"), purge: of("purge") / of("purgeByHand") },
    megabytes: { few, many: of("megabytes") },
  };
};

type Summary = { readonly versions: number } & ReturnType<typeof summaryOf>;

const textOf = ({ versions, medians, ratios, megabytes }: Summary): string =>
  [
    `a bucket of ${versions.toLocaleString("en-GB")} versions, of which a tenth goes:`,
    `medians in seconds: listed ${rounded(medians.listByHand)} by hand, ${rounded(medians.inventory)} by lethe; purged ${rounded(medians.purgeByHand)} by hand, ${rounded(medians.purge)} by lethe, whose night with nothing due takes ${rounded(medians.idle)}`,
    `peak memory ${rounded(megabytes.many)} MB, with a tenth of the versions ${rounded(megabytes.few)} MB`,
    aimLine({ what: "lethe's inventory / listing by hand", measured: ratios.inventory, atMost: 1.3 }),
    aimLine({ what: "lethe's purge / the same requests by hand", measured: ratios.purge, atMost: 1.3 }),
  ].join("\n");
