import type { BackupConfig } from "#config.ts";
import { directoryRepository } from "#backups/directory/repository.ts";
import { pgbackrestRepository } from "#backups/pgbackrest/repository.ts";
import { resticRepository } from "#backups/restic/repository.ts";
import type { Repository } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";

/** The repository of a configured kind. */
export const openRepository = (config: BackupConfig, timeZone: string): Repository => {
  switch (config.kind) {
    case "directory":
      return directoryRepository(config, timeZone);
    case "s3":
      return s3Repository(config, timeZone);
    case "pgbackrest":
      return pgbackrestRepository(config);
    case "restic":
      return resticRepository(config);
  }
};
