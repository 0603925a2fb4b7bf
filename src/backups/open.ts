import type { BackupConfig } from "#config.ts";
import { directoryRepository } from "#backups/directory.ts";
import { pgbackrestRepository } from "#backups/pgbackrest/repository.ts";
import { resticRepository } from "#backups/restic/repository.ts";
import type { Repository } from "#backups/repository.ts";

/** The repository of a configured kind. */
export const openRepository = (config: BackupConfig, timeZone: string): Repository => {
  switch (config.kind) {
    case "directory":
      return directoryRepository(config, timeZone);
    case "pgbackrest":
      return pgbackrestRepository(config);
    case "restic":
      return resticRepository(config);
  }
};
