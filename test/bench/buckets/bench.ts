import { copyFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { s3Repository } from "#backups/s3/repository.ts";
import type { S3Config } from "#config.ts";
import { closePool } from "#db/pool.ts";
import { openState } from "#db/state.ts";
import { startGateway } from "#test/backups/s3/gateway.ts";
import { listByHand, purgeByHand } from "#test/bench/buckets/plain.ts";
import { openCopies, say } from "#test/bench/copies.ts";
import { aimLine, median, rounded } from "#test/bench/figures.ts";

export type BucketOptions = {
  /** In the bucket, a tenth of them past their time. */
  readonly versions: number;
  readonly turns: number;
  /** Where Lethe's own database lies. */
  readonly directory: string;
};

const quiet = "2026-10-29T02:00:00Z";
const today = "2026-11-02T02:00:00Z";
const due = { modified: "2026-10-01T02:00:00Z", folder: "due" };
const kept = { modified: "2026-10-20T02:00:00Z", folder: "kept" };

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
 * A night on a bucket of versitygw, against the same requests by nothing but the SDK: in turns, on the same server, with as many requests at a time.
 * Throws when a side did not delete what was due, or something else.
 */
export const benchBuckets = async ({ versions, turns, directory }: BucketOptions) => {
  const gateway = await startGateway();
  await using opened = new AsyncDisposableStack();
  opened.defer(() => gateway.dispose());
  await using copies = await openCopies({
    directory,
    name: "people",
    build: async (client) => void (await client.query("create table customers (id bigint primary key, email text)")),
    controller: "time_zone: UTC",
  });
  await copyFile(resolve(import.meta.dirname, "policy.yaml"), join(directory, "policy.yaml"));
  const { s3, credentials, endpoint } = gateway;
  process.env["AWS_ACCESS_KEY_ID"] = credentials.accessKeyId;
  process.env["AWS_SECRET_ACCESS_KEY"] = credentials.secretAccessKey;

  const fill = async (bucket: string, { modified, folder }: typeof due, count: number): Promise<void> => {
    // No file has more names than some file systems allow.
    for (let first = 0; first < count; first += 10_000) {
      const source = `${folder}-${first}.dump`;
      await s3.putObject({ Bucket: bucket, Key: source, Body: "PGDMP" });
      await gateway.setModified(`${bucket}/${source}`, undefined, modified);
      const length = Math.min(10_000, count - first) - 1;
      const keys = Array.from(
        { length },
        (_, index) => `${folder}-${first}/shop-${modified.slice(0, 10)}-${index}.dump`,
      );
      await gateway.multiply(bucket, source, keys);
    }
  };
  const build = async (bucket: string, count: number): Promise<void> => {
    await s3.createBucket({ Bucket: bucket });
    await s3.putBucketVersioning({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } });
    await fill(bucket, kept, count - count / 10);
    await fill(bucket, due, count / 10);
  };
  await build("many", versions);
  await build("few", versions / 10);
  say(`versitygw, ${versions} versions in one bucket, ${versions / 10} in another`);

  const timed = async <T>(work: () => Promise<T>): Promise<{ readonly seconds: number; readonly answer: T }> => {
    const began = performance.now();
    const answer = await work();
    return { seconds: (performance.now() - began) / 1000, answer };
  };
  const byHand = async (): Promise<number> => {
    const { seconds, answer } = await timed(() => purgeByHand(s3, "many", new Date("2026-10-03")));
    if (answer !== versions / 10) throw new Error(`the script deleted ${answer}`);
    await fill("many", due, versions / 10);
    return seconds;
  };
  const byLethe = async (bucket: string, count: number) => {
    const repository = `{ kind: s3, store: shop, bucket: ${bucket}, endpoint: "${endpoint}" }`;
    await writeFile(join(directory, "lethe.yaml"), `${configuration}backups: { vault: ${repository} }\n`);
    const { client, lethe } = await copies.forLethe();
    await client.end();
    // A night finds Lethe's own database made, and what it saw the night before.
    await closePool((await openState(copies.url("lethe"))).pool);
    await lethe("--now", "2026-10-28T02:00:00Z", "run", "backups");
    const idle = await lethe("--now", quiet, "run", "backups");
    const purge = await lethe("--now", today, "run", "backups");
    const { backups } = purge.document as { readonly backups: { readonly purged: number; readonly kept: number } };
    if (backups.purged !== count / 10 || backups.kept !== count - count / 10)
      throw new Error(`lethe purged ${backups.purged} and kept ${backups.kept}`);
    await fill(bucket, due, count / 10);
    return { idle: idle.seconds, purge: purge.seconds, megabytes: Math.max(idle.megabytes, purge.megabytes) };
  };
  const inventory = async (): Promise<number> => {
    const config: S3Config = {
      name: "vault",
      kind: "s3",
      store: "shop",
      keepDays: 30,
      bucket: "many",
      prefix: "",
      endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      profile: undefined,
    };
    const { sets } = await s3Repository(config, "UTC").inventory([]);
    const { seconds, answer } = await timed(() => s3Repository(config, "UTC").inventory(sets));
    if (answer.sets.length !== versions) throw new Error(`${answer.sets.length} sets`);
    return seconds;
  };

  const few = await byLethe("few", versions / 10);
  const measured: Turn[] = [];
  for (let number = 1; number <= turns; number += 1) {
    const list = await timed(() => listByHand(s3, "many"));
    const turn = { listByHand: list.seconds, inventory: await inventory(), purgeByHand: await byHand() };
    measured.push({ ...turn, ...(await byLethe("many", versions)) });
    say(JSON.stringify(measured.at(-1)));
  }
  const summary = { versions, ...summaryOf(measured, few.megabytes) };
  return { summary, text: textOf(summary) };
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
    ratios: {
      inventory: of("inventory") / of("listByHand"),
      purge: of("purge") / of("purgeByHand"),
      // A process starts, Lethe's own database is opened, the report is signed: a script has none of it.
      due: (of("purge") - of("idle")) / of("purgeByHand"),
    },
    megabytes: { few, many: of("megabytes") },
  };
};

const configuration = `controller: { name: Bench, country: DE, region: BE, dpo: dpo@shop.example, time_zone: UTC }
state: { url: "\${LETHE_STATE}" }
stores:
  shop: { url: "\${LETHE_SHOP}", policy: policy.yaml }
`;

type Summary = { readonly versions: number } & ReturnType<typeof summaryOf>;

const textOf = ({ versions, medians, ratios, megabytes }: Summary): string =>
  [
    `a bucket of ${versions.toLocaleString("en-GB")} versions, of which a tenth goes:`,
    `medians in seconds: listed ${rounded(medians.listByHand)} by hand, ${rounded(medians.inventory)} by lethe; purged ${rounded(medians.purgeByHand)} by hand, ${rounded(medians.purge)} by lethe, whose run with nothing due takes ${rounded(medians.idle)}`,
    `peak memory ${rounded(megabytes.many)} MB, with a tenth of the versions ${rounded(megabytes.few)} MB`,
    aimLine({ what: "lethe's inventory / listing by hand", measured: ratios.inventory, atMost: 1.3 }),
    aimLine({ what: "lethe's whole night / the same requests by hand", measured: ratios.purge, atMost: 1.3 }),
  ].join("\n");
