import type { S3 } from "@aws-sdk/client-s3";
import type { S3Config } from "#config.ts";

/**
 * A client of the bucket's server. Credentials are where the SDK looks for them by itself: the environment, its files, the machine's role. It takes a
 * fifth of a second and 30 MB to load, for which only those wait who ask a bucket.
 */
export const openS3 = async ({ endpoint, region, forcePathStyle, profile }: S3Config): Promise<S3> => {
  const { S3: Client } = await import("@aws-sdk/client-s3");
  return new Client({
    region,
    forcePathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    // A server that takes no connection is given up after a quarter of a minute, one that says nothing more after three.
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: 60_000,
      throwOnRequestTimeout: true,
      socketTimeout: 60_000,
    },
  });
};
