import { z } from "zod";

const seconds = z.number().int();

const backup = z.object({
  label: z.string(),
  type: z.enum(["full", "diff", "incr"]),
  /** Labels of all backups whose files it uses. */
  reference: z.array(z.string()).nullable(),
  /** The first and the last segment without which it is not consistent; null: of a server that was down. */
  archive: z.object({ start: z.string().nullable(), stop: z.string().nullable() }),
  database: z.object({ id: z.number() }),
  timestamp: z.object({ start: seconds, stop: seconds }),
  /** Pages of it had no right checksum when it was made. */
  error: z.boolean().nullish(),
  info: z.object({ repository: z.object({ delta: z.number().optional(), size: z.number().nullish() }) }),
});

/** `pgbackrest info --output=json`, of one stanza and one repository: what is read of it. */
export const stanzaInfo = z.tuple([
  z.object({
    name: z.string(),
    /** 0: ok; 2: no valid backups; others: nothing can be said of the repository. */
    status: z.object({ code: z.number() }),
    archive: z.array(z.object({ id: z.string(), database: z.object({ id: z.number() }), min: z.string().nullish() })),
    backup: z.array(backup),
  }),
]);

export type StanzaInfo = z.infer<typeof stanzaInfo>[0];
export type PgBackup = StanzaInfo["backup"][number];

/** `pgbackrest repo-ls --output=json`: names under a path of the repository; times in seconds since 1970. */
export const listing = z.record(
  z.string(),
  z.object({ type: z.string(), size: z.number().optional(), time: z.number().optional() }),
);
export type Listing = z.infer<typeof listing>;
