import type { S3Config } from "#config.ts";
import { LetheError } from "#lib/errors.ts";

/** What of an error can be repeated: what a server says of a signature that is wrong names the key that made it, and more. */
export type Refusal = {
  /** Of S3, of Node, or of the SDK: one word; "unknown" unless it is one. */
  readonly word: string;
  /** Of HTTP; undefined where nothing was answered. */
  readonly status: number | undefined;
};

export const refusalOf = (error: unknown): Refusal => {
  if (!(error instanceof Error)) return { word: "unknown", status: undefined };
  const metadata: unknown = "$metadata" in error ? error.$metadata : undefined;
  const status: unknown =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? metadata.httpStatusCode
      : undefined;
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  const word = status === undefined ? code : error.name;
  return {
    word: /^\w{1,64}$/.test(word) ? word : "unknown",
    status: typeof status === "number" ? status : undefined,
  };
};

/** Whether the answer was that what was asked for is not there. Without its bucket nothing is known of it. */
export const isAbsent = (error: unknown): boolean => {
  const { word, status } = refusalOf(error);
  return status === 404 && word !== "NoSuchBucket";
};

/** The server knows no such question, and so has nothing that could be asked for by it. */
export const isUnknownThere = (error: unknown): boolean => refusalOf(error).status === 501;

const hints: readonly (readonly [RegExp, string])[] = [
  [/^NoSuchBucket$/, "correct `bucket`, or make it there"],
  [/^(?:NotFound|NotUnderstood)$/, "correct `endpoint`: what answers there is no S3"],
  [
    /^CredentialsProviderError$/,
    "give the SDK credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a `profile`, or a role of the machine",
  ],
  [
    /^(?:InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|TokenRefreshRequired|InvalidClientTokenId|XAdminUserNotFound)$/,
    "correct the credentials, in the environment or the profile: the server does not know them, or no longer",
  ],
  [
    /^AccessDenied|^Forbidden$/,
    "grant the account s3:ListBucketVersions and s3:ListBucketMultipartUploads on the bucket",
  ],
  [/^RequestTimeTooSkewed$/, "set the machine's clock right"],
  [
    /^(?:PermanentRedirect|AuthorizationHeaderMalformed|MovedPermanently)$/,
    "correct `region`: the bucket is in another one",
  ],
  [/^NotImplemented$/, "use a server that lists the versions of objects"],
  [
    /CERT|SELF_SIGNED|^ERR_(?:TLS|SSL)|^EPROTO$|^UNABLE_TO/,
    "let Node know who signed the server's certificate (NODE_EXTRA_CA_CERTS), or correct the name and http or https in `endpoint`",
  ],
  [/^(?:E[A-Z_]+|TimeoutError)$/, "correct `endpoint`, or mend the network: nothing answers there"],
];

/** `BACKUPS_UNREADABLE`, with what to do. Names no key: neither the error nor what it says goes along. */
export const unreadable = ({ name, bucket }: S3Config, { word, status }: Refusal): LetheError =>
  new LetheError(
    "BACKUPS_UNREADABLE",
    `backups ${name}: the bucket ${bucket} cannot be listed (${word}${status === undefined ? "" : `, ${status}`})`,
    { hint: hints.find(([words]) => words.test(word))?.[1] ?? "look into the server's log of requests" },
  );
