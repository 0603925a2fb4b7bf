import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PgBackup } from "#backups/pgbackrest/info.ts";
import { retentionFindings } from "#backups/pgbackrest/retention.ts";
import { stanzaBy } from "#test/backups/programs.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-retention-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const day = 86_400;
const fullsEvery = (days: number, count = 4): PgBackup[] =>
  Array.from({ length: count }, (_, n) => ({
    label: `F${n}`,
    type: "full",
    reference: null,
    archive: { start: null, stop: null },
    database: { id: 1 },
    timestamp: { start: n * days * day, stop: n * days * day + 60 },
    info: { repository: {} },
  }));

const found = async (options: string, backups: readonly PgBackup[]): Promise<readonly string[]> => {
  const configFile = join(directory, "pgbackrest.conf");
  await writeFile(configFile, options);
  return (await retentionFindings(stanzaBy(configFile), backups)).map(
    ({ code, message, hint }) => `${code} ${message}; ${hint}`,
  );
};

test.each([
  [
    "23 days and full backups each week are 30 days",
    "[global]\nrepo1-retention-full-type=time\nrepo1-retention-full=23",
    7,
    [],
  ],
  [
    "30 days by its own count of time are 37",
    "[global]\nrepo1-retention-full-type=time\nrepo1-retention-full=30",
    7,
    [expect.stringMatching(/^OWN_RETENTION .*up to 37 days.*set repo1-retention-full to at most 23/)],
  ],
  [
    "four full backups are five weeks",
    "[global]\nrepo1-retention-full=4",
    7,
    [expect.stringMatching(/^OWN_RETENTION .*up to 35 days.*at most 3,/)],
  ],
  [
    "what the stanza says comes before what is said for all",
    "[demo]\nrepo1-retention-full=3\n[global]\nrepo1-retention-full=4",
    7,
    [],
  ],
  [
    "another repository is another copy",
    "[global]\nrepo1-path=/a\nrepo2-path=/b",
    7,
    [expect.stringMatching(/^OTHER_REPOSITORY .*repo2/)],
  ],
  [
    "a full backup a month leaves nothing that can go",
    "[global]\nrepo1-retention-full=1",
    31,
    [
      expect.stringMatching(/^FULL_INTERVAL .*31 days apart.*every 15 days/),
      expect.stringMatching(/^OWN_RETENTION .*up to 62 days.*at least every 15 days/),
    ],
  ],
])("of pgBackRest's own configuration it is told that %s", async (_, options, days, expected) => {
  expect(await found(options, fullsEvery(days))).toEqual(expected);
});

test("nothing is told of an interval before there are two full backups", async () => {
  expect(await found("[global]\nrepo1-retention-full=99", fullsEvery(7, 1))).toEqual([]);
});
