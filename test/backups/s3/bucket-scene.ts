import { Temporal } from "temporal-polyfill";
import type { S3Config } from "#config.ts";
import type { Context } from "#context.ts";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import { startGateway, type Gateway } from "#test/backups/s3/gateway.ts";
import { goodGzip, scene, type Scene } from "#test/backups/repository-files.ts";

export type BucketScene = Omit<Scene, "on" | "backup" | "path"> &
  Gateway & {
    readonly config: S3Config;
    /** A context at a time whose configuration has the bucket. */
    readonly on: (now: string) => Context;
    readonly purge: (now: string, id: string) => Promise<RepositoryResult>;
    /** Uploads an object that came at a time; returns its version. */
    readonly put: (key: string, body: string | Uint8Array, modified: string) => Promise<string>;
    /** One dump for each of so many nights, the last of them `until`'s, each under a key of its own; returns the keys. */
    readonly putNights: (days: number, until: string) => Promise<string[]>;
    /** Versions and delete markers in the whole bucket, as `KEY` or `KEY marker`. */
    readonly listed: () => Promise<string[]>;
  };

export type BucketOptions = {
  /** Whether the server knows versions, and whether the bucket keeps them. */
  readonly versions?: boolean;
  readonly versioning?: boolean;
  readonly lock?: boolean;
  readonly prefix?: string;
};

const environment = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"] as const;

/** A fresh state database and a bucket `dumps` of a server of its own, with versions; credentials are in the environment until it is disposed of. */
export const bucketScene = async (
  now: string,
  { versions = true, versioning = versions, lock = false, prefix = "" }: BucketOptions = {},
): Promise<BucketScene> => {
  const gateway = await startGateway({ versions });
  const base = await scene(now);
  const { s3, endpoint, credentials } = gateway;
  const before = environment.map((name) => [name, process.env[name]] as const);
  process.env["AWS_ACCESS_KEY_ID"] = credentials.accessKeyId;
  process.env["AWS_SECRET_ACCESS_KEY"] = credentials.secretAccessKey;
  process.env["AWS_EC2_METADATA_DISABLED"] = "true";
  const Bucket = "dumps";
  await s3.createBucket({ Bucket, ObjectLockEnabledForBucket: lock });
  if (versioning) await s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Enabled" } });
  const config: S3Config = {
    name: "vault",
    kind: "s3",
    store: "shop",
    keepDays: 30,
    bucket: Bucket,
    prefix,
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    profile: undefined,
  };
  const on = (at: string): Context => {
    const context = base.on(at);
    return { ...context, config: { ...context.config, backups: [config] } };
  };
  const put = async (key: string, body: string | Uint8Array, modified: string): Promise<string> => {
    const { VersionId } = await s3.putObject({ Bucket, Key: key, Body: body });
    await gateway.setModified(key, modified);
    return VersionId ?? "null";
  };
  return {
    ...base,
    ...gateway,
    config,
    on,
    put,
    purge: async (at, id) => {
      const [result] = await purgeBackups(on(at), await base.newRun(id));
      if (result === undefined) throw new Error("no result");
      return result;
    },
    putNights: async (days, until) => {
      const last = Temporal.PlainDate.from(until);
      const keys: string[] = [];
      for (let back = days - 1; back >= 0; back -= 1) {
        const day = last.subtract({ days: back }).toString();
        keys.push(`${prefix}shop-${day}T0200Z.sql.gz`);
        await put(keys.at(-1) ?? "", goodGzip(day), `${day}T02:10:00Z`);
      }
      return keys;
    },
    listed: async () => {
      const { Versions = [], DeleteMarkers = [] } = await s3.listObjectVersions({ Bucket });
      return [
        ...Versions.map(({ Key = "" }) => Key),
        ...DeleteMarkers.map(({ Key = "" }) => `${Key} marker`),
      ].toSorted();
    },
    dispose: async () => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      await base.dispose();
      await gateway.dispose();
    },
  };
};
