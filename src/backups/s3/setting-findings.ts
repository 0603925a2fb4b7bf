import type { S3Config } from "#config.ts";
import type { BackupFinding } from "#backups/repository.ts";
import type { BucketSettings } from "#backups/s3/settings.ts";

type Meant = Pick<S3Config, "prefix" | "keepDays">;

/** What a bucket's own settings will not allow, or do besides. */
export const settingFindings = (settings: BucketSettings, meant: Meant): readonly BackupFinding[] => [
  ...deleteFindings(settings),
  ...lockFindings(settings, meant),
  ...lifecycleFindings(settings, meant),
  ...replicationFindings(settings, meant),
];

const deleteFindings = ({ versioning }: BucketSettings): readonly BackupFinding[] =>
  versioning.MFADelete === "Enabled"
    ? [
        {
          code: "MFA_DELETE",
          message: "the bucket lets a version be deleted only with a code from a device",
          hint: "turn MFA delete off for it: nobody is there at night to type one",
        },
      ]
    : [];

/** A lock begins with the upload, and the retention with the backup before it: of as many days, the lock ends later. */
const lockFindings = ({ lock }: BucketSettings, { keepDays }: Meant): readonly BackupFinding[] => {
  const days = lock?.Days ?? (lock?.Years ?? 0) * 365;
  if (days < keepDays) return [];
  return [
    {
      code: "OBJECT_LOCK",
      message: `the bucket locks every version for ${days} days (${lock?.Mode ?? "no mode"}), and Lethe opens no lock, even where it could`,
      hint: `let it lock for ${keepDays - 1} days at most; what is locked already stays until its own day, and is told each night`,
    },
  ];
};

const lifecycleFindings = (
  { lifecycle, versioning }: BucketSettings,
  { prefix, keepDays }: Meant,
): readonly BackupFinding[] => {
  const rules = lifecycle.filter(
    ({ Status, Filter, Prefix }) =>
      Status === "Enabled" && overlaps(prefix, Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix),
  );
  // A rule with a date holds every day from that one on.
  const expiry = least(rules.map(({ Expiration }) => (Expiration?.Date === undefined ? Expiration?.Days : 0)));
  const afterwards = least(rules.map((rule) => rule.NoncurrentVersionExpiration?.NoncurrentDays));
  const keepsVersions = versioning.Status !== undefined;
  // Where versions are kept, one that expires is hidden by a marker, and goes when its time as a hidden one is over. Where that is suspended, the marker
  // takes the place of what was uploaded since.
  const ofCurrent = versioning.Status === "Enabled" ? undefined : expiry;
  const ofOthers = keepsVersions ? afterwards : undefined;
  const days = least([ofCurrent, ofOthers]);
  return [
    ...(days === undefined || days >= keepDays
      ? []
      : [
          {
            code: "LIFECYCLE_EARLY",
            message: `a lifecycle rule deletes ${days === ofCurrent ? "" : "what is not current "}after ${days} days, earlier than the ${keepDays} of keep_days`,
            hint: `let it wait for ${keepDays} days, or set keep_days to ${days}: what goes before is told as vanished`,
          },
        ]),
    ...(keepsVersions && expiry !== undefined && afterwards === undefined
      ? [
          {
            code: "LIFECYCLE_HIDES",
            message: `a lifecycle rule lets objects expire after ${expiry} days: by itself that lays a delete marker over them, and deletes nothing`,
            hint: "add an expiration of noncurrent versions, so that the days hold also where no night of Lethe runs",
          },
        ]
      : []),
  ];
};

/** Deletions of versions are never replicated. */
const replicationFindings = ({ replication }: BucketSettings, { prefix }: Meant): readonly BackupFinding[] =>
  replication
    .filter(
      ({ Status, Filter, Prefix }) =>
        Status === "Enabled" && overlaps(prefix, Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix),
    )
    .map(({ Destination }) => ({
      code: "OTHER_BUCKET",
      message: `the bucket is copied to ${Destination?.Bucket ?? "another one"}, from which nothing goes when it goes here`,
      hint: "give that bucket a repository of its own under `backups`, unless there is one, or end the replication",
    }));

const overlaps = (ours: string, theirs = ""): boolean => ours.startsWith(theirs) || theirs.startsWith(ours);

const least = (days: readonly (number | undefined)[]): number | undefined =>
  days.filter((each) => each !== undefined).toSorted((a, b) => a - b)[0];
