/** What a person does about a backup that is not as it should be. */
const hints: Readonly<Record<string, string>> = {
  BACKUPS_UNREADABLE:
    "Let Lethe read the repository, `lethe backups check` says what is in the way; until then nothing is known of its backups.",
  BACKUP_NONE: "Check that backups are made and that the disk is mounted.",
  BACKUP_PARTIAL: "Wait until it is complete; remove it if nobody finishes it.",
  BACKUP_FOREIGN: "Move what is no backup out of the repository: Lethe never deletes it.",
  BACKUP_UNREADABLE: "Let Lethe read the file, or remove it by hand.",
  BACKUP_CHECKSUM: "Its bytes are not those of its checksum. Make a new backup and find out why.",
  BACKUP_DATE_DISPUTED: "Its name and its time disagree. Set the right one, so that it goes when it is due.",
  BACKUP_NOT_RESTORABLE: "Make a new backup: this one cannot be restored.",
  BACKUP_LAST_GOOD: "Make a newer backup that can be restored; the old one goes in the night after.",
  BACKUP_ELSEWHERE:
    "Make base backups of servers with tablespaces or a log directory of their own in tar format; delete by hand what this link leads to, then the link.",
  BACKUP_NOT_DELETED:
    "Let Lethe delete in the repository: the storage refused it, for want of a right or for a lock. What a program left that died `lethe backups check` tells.",
  BACKUP_DISK_FULL:
    "The disk or the quota of the repository is full, and what looks after it must write before it can delete: make room there, by hand and of something that is no backup; the next night goes on.",
  BACKUP_LOG_KEPT:
    "Make a newer full backup, so that the write-ahead log before it can go; see `lethe backups check` for what keeps it.",
  BACKUP_HELD: "Nothing, as long as the matter needs it: it goes in the night after the hold is released.",
  BACKUP_MOVED:
    "Name the new place under a name of its own beside the old one, until nothing is left there; or, if it holds all that was in the old one and nothing is left there, say so: `lethe backups moved --repository NAME`.",
  BACKUP_UNCONFIGURED:
    "Configure it again until its last backup is gone; or, if nothing is left of it, say so: `lethe backups moved --repository NAME`.",
  BACKUP_VANISHED: "Find out who removed it before it was due: Lethe did not.",
};

export const backupTodo = (code: string): string =>
  (Object.hasOwn(hints, code) ? hints[code] : undefined) ?? "Look at the backup; it is still in the repository.";
