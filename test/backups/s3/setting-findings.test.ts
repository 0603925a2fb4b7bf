import type { LifecycleRule, ReplicationRule } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { settingFindings } from "#backups/s3/setting-findings.ts";
import type { BucketSettings } from "#backups/s3/settings.ts";

const nothing: BucketSettings = { versioning: { Status: "Enabled" }, lock: undefined, lifecycle: [], replication: [] };
const found = (settings: Partial<BucketSettings>, prefix = "shop/"): string[] =>
  settingFindings({ ...nothing, ...settings }, { prefix, keepDays: 30 }).map(
    ({ code, message }) => `${code} ${message}`,
  );
const rule = (more: Partial<LifecycleRule>): LifecycleRule => ({ Status: "Enabled", Filter: { Prefix: "" }, ...more });

test("a bucket with or without versions that does nothing by itself is fine", () => {
  expect(found({})).toEqual([]);
  expect(found({ versioning: {} })).toEqual([]);
});

test("a deletion that needs a code is told", () => {
  expect(found({ versioning: { Status: "Enabled", MFADelete: "Enabled" } })).toEqual([
    expect.stringMatching(/^MFA_DELETE/),
  ]);
  expect(found({ versioning: { Status: "Enabled", MFADelete: "Disabled" } })).toEqual([]);
});

test("a lock of as many days as backups may be kept is too long, in days and in years", () => {
  expect(found({ lock: { Mode: "COMPLIANCE", Days: 29 } })).toEqual([]);
  expect(found({ lock: { Mode: "COMPLIANCE", Days: 30 } })).toEqual([
    expect.stringMatching(/^OBJECT_LOCK .* for 30 days \(COMPLIANCE\)/),
  ]);
  expect(found({ lock: { Mode: "GOVERNANCE", Years: 1 } })).toEqual([expect.stringMatching(/^OBJECT_LOCK .*365 days/)]);
});

test("a rule that deletes too early is told: of what is current where there are no versions, else of what is not", () => {
  const expires = rule({ Expiration: { Days: 14 } });
  const expiresLater = rule({ NoncurrentVersionExpiration: { NoncurrentDays: 7 } });
  expect(found({ versioning: {}, lifecycle: [expires] })).toEqual([
    expect.stringMatching(/^LIFECYCLE_EARLY .* deletes after 14 days/),
  ]);
  expect(found({ versioning: {}, lifecycle: [rule({ Expiration: { Days: 30 } })] })).toEqual([]);
  expect(found({ lifecycle: [expires, expiresLater] })).toEqual([
    expect.stringMatching(/^LIFECYCLE_EARLY .* what is not current after 7 days/),
  ]);
});

test("a rule that only lays markers over what there is, is told", () => {
  expect(found({ lifecycle: [rule({ Expiration: { Days: 30 } })] })).toEqual([
    expect.stringMatching(/^LIFECYCLE_HIDES/),
  ]);
  expect(
    found({
      lifecycle: [rule({ Expiration: { Days: 1 }, NoncurrentVersionExpiration: { NoncurrentDays: 30 } })],
    }),
  ).toEqual([]);
});

test("where versions are suspended a rule deletes what was uploaded since, and hides what was before", () => {
  const versioning = { Status: "Suspended" } as const;
  const expires = rule({ Expiration: { Days: 14 } });
  expect(found({ versioning, lifecycle: [expires] })).toEqual([
    expect.stringMatching(/^LIFECYCLE_EARLY .* deletes after 14 days/),
    expect.stringMatching(/^LIFECYCLE_HIDES/),
  ]);
  expect(
    found({
      versioning,
      lifecycle: [rule({ Expiration: { Days: 30 }, NoncurrentVersionExpiration: { NoncurrentDays: 30 } })],
    }),
  ).toEqual([]);
});

test("a rule that deletes on one day deletes every night from then on, be it as young as it is", () => {
  const expires = rule({ Expiration: { Date: new Date("2026-11-01T00:00:00Z") } });
  expect(found({ versioning: {}, lifecycle: [expires] })).toEqual([
    expect.stringMatching(/^LIFECYCLE_EARLY .* deletes after 0 days/),
  ]);
  expect(found({ lifecycle: [expires] })).toEqual([expect.stringMatching(/^LIFECYCLE_HIDES/)]);
});

test("a copy in another bucket is told by its name", () => {
  const copy: ReplicationRule = { Status: "Enabled", Destination: { Bucket: "arn:aws:s3:::vault-copy" } };
  expect(found({ replication: [copy] })).toEqual([expect.stringMatching(/^OTHER_BUCKET .*arn:aws:s3:::vault-copy/)]);
  expect(found({ replication: [{ ...copy, Status: "Disabled" }] })).toEqual([]);
});

test("rules for other keys, and rules that are off, say nothing", () => {
  const lifecycle = (Prefix: string): LifecycleRule => rule({ Expiration: { Days: 1 }, Filter: { Prefix } });
  expect(found({ versioning: {}, lifecycle: [lifecycle("shop2/")] })).toEqual([]);
  expect(found({ versioning: {}, lifecycle: [lifecycle("shop/new/")] })).toHaveLength(1);
  expect(
    found({ versioning: {}, lifecycle: [rule({ Expiration: { Days: 1 }, Filter: { And: { Prefix: "sho" } } })] }),
  ).toHaveLength(1);
  expect(found({ versioning: {}, lifecycle: [{ ...lifecycle(""), Status: "Disabled" }] })).toEqual([]);
});
