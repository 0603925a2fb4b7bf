/**
 * The places where a crash has something to lose, by name. The fault tests kill the process at each of them with
 * SIGKILL and compare what the next run makes of it with an undisturbed night.
 */
export const faultPoints = [
  "after-import-row-batch",
  "after-subjects-located",
  "after-export-written",
  "after-plan-frozen",
  "before-batch-commit",
  "after-batch-commit",
  "after-journal-collected",
  "after-views-refreshed",
  "before-verified-recorded",
  "after-measures-recorded",
  "after-verified-recorded",
  "before-backup-unlink",
  "after-backup-unlink",
  "after-backups-finished",
  "after-backups-recorded",
  "before-suppression-destroyed",
  "after-run-ended",
  "after-checkpoint",
  "after-totals-told",
  "after-report-files",
  "before-bundle-rename",
  "after-bundle-rename",
] as const;

/** The same, in nights with stores that let requests wait. */
export const waitingPoints = [
  "after-reactivated-found",
  "after-reactivated-reopened",
  "after-reopened-unjournalled",
] as const;

/** The same, while what a restore undid is repeated. */
export const restorePoints = ["after-restore-noticed", "after-repeats-entered", "before-store-released"] as const;

/** The same, while a backup is restored to try it. */
export const drillPoints = ["after-drill-files", "after-drill-started", "after-drill-replayed"] as const;

/** The same, in the night after a retention class has changed. */
export const retentionPoints = [
  "after-table-revised",
  "after-expiry-planned",
  "after-expiry-commit",
  "after-expiry-recorded",
  "after-expiry-ended",
] as const;

/** The same, while base backups and the log beside them are purged. */
export const basePoints = [
  "after-backup-file",
  "before-backup-manifest",
  "before-backup-directory",
  "after-log-file",
] as const;

/** The same, while the register is exported. */
export const registerPoints = ["before-register-rename"] as const;

/** The same, in a night with a store of ClickHouse. */
export const columnPoints = [
  "after-batch-prepared",
  "after-mutation-begun",
  "after-columns-removed",
  "before-partition-moved",
  "after-partition-moved",
  "after-columns-moved",
  "after-columns-recorded",
] as const;

export type FaultPoint =
  | (typeof faultPoints)[number]
  | (typeof waitingPoints)[number]
  | (typeof restorePoints)[number]
  | (typeof drillPoints)[number]
  | (typeof retentionPoints)[number]
  | (typeof basePoints)[number]
  | (typeof registerPoints)[number]
  | (typeof columnPoints)[number];

/** Dies here, at once and without cleaning up, when the fault tests ask for it. */
export const faultPoint = (point: FaultPoint): void => {
  if (process.env["LETHE_FAULT"] === point) process.kill(process.pid, "SIGKILL");
};
