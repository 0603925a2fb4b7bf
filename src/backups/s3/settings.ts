import type {
  DefaultRetention,
  GetBucketVersioningOutput,
  LifecycleRule,
  ReplicationRule,
  S3,
} from "@aws-sdk/client-s3";
import type { S3Config } from "#config.ts";
import type { BackupFinding } from "#backups/repository.ts";
import { isAbsent, isUnknownThere, refusalOf } from "#backups/s3/refusal.ts";

/** What a bucket is told to do by itself. */
export type BucketSettings = {
  readonly versioning: GetBucketVersioningOutput;
  /** How long every version is locked that does not say otherwise. */
  readonly lock: DefaultRetention | undefined;
  readonly lifecycle: readonly LifecycleRule[];
  readonly replication: readonly ReplicationRule[];
};

/** Asks for each of them; what may not be asked for is a finding, and counts as not set. */
export const readSettings = async (
  s3: S3,
  { bucket: Bucket }: S3Config,
): Promise<{ readonly settings: BucketSettings; readonly findings: readonly BackupFinding[] }> => {
  const findings: BackupFinding[] = [];
  const ask = async <T>(permission: string, answer: Promise<T>): Promise<T | undefined> => {
    try {
      return await answer;
    } catch (error) {
      // Not set, or nothing that this server has.
      if (!isAbsent(error) && !isUnknownThere(error)) findings.push(notTold(permission, refusalOf(error).word));
      return undefined;
    }
  };
  const versioning = await ask("s3:GetBucketVersioning", s3.getBucketVersioning({ Bucket }));
  const lock = await ask("s3:GetBucketObjectLockConfiguration", s3.getObjectLockConfiguration({ Bucket }));
  const lifecycle = await ask("s3:GetLifecycleConfiguration", s3.getBucketLifecycleConfiguration({ Bucket }));
  const replication = await ask("s3:GetReplicationConfiguration", s3.getBucketReplication({ Bucket }));
  return {
    settings: {
      versioning: versioning ?? {},
      lock: lock?.ObjectLockConfiguration?.Rule?.DefaultRetention,
      lifecycle: lifecycle?.Rules ?? [],
      replication: replication?.ReplicationConfiguration?.Rules ?? [],
    },
    findings,
  };
};

const notTold = (permission: string, word: string): BackupFinding => ({
  code: "BUCKET_UNASKED",
  message: `the bucket does not say what ${permission} asks for (${word})`,
  hint: `grant the account ${permission}: what keeps backups longer cannot be seen without it`,
});
