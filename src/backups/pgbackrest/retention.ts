import { readFile } from "node:fs/promises";
import { pgBackRestFile, type PgBackRestConfig } from "#config.ts";
import type { PgBackup } from "#backups/pgbackrest/info.ts";
import type { BackupFinding } from "#backups/repository.ts";

/**
 * What pgBackRest itself is configured to keep, and what follows with the full backups as they are made. It keeps by count or by days one full
 * backup more than it says, so that its oldest recoverable point is older by up to the time between two.
 */
export const retentionFindings = async (
  { stanza, repo, configFile = pgBackRestFile, keepDays }: PgBackRestConfig,
  backups: readonly PgBackup[],
): Promise<readonly BackupFinding[]> => {
  const text = await readFile(configFile, "utf8").catch(() => undefined);
  const options = text === undefined ? new Map<string, string>() : optionsOf(text, stanza);
  const interval = longestInterval(backups);
  return [
    ...intervalFindings(interval, keepDays),
    ...ownFindings(options, { repo, keepDays, interval }),
    ...otherFindings(options, repo),
  ];
};

const intervalFindings = (interval: number | undefined, keepDays: number): readonly BackupFinding[] =>
  interval === undefined || interval < keepDays
    ? []
    : [
        {
          code: "FULL_INTERVAL",
          message: `full backups are ${interval} days apart, and each goes after ${keepDays} days with all that builds on it`,
          hint: `make one at least every ${Math.floor(keepDays / 2)} days: until there is a newer one that is good nothing can go`,
        },
      ];

/** By its own retention alone. */
const ownFindings = (
  options: ReadonlyMap<string, string>,
  {
    repo,
    keepDays,
    interval,
  }: { readonly repo: number; readonly keepDays: number; readonly interval: number | undefined },
): readonly BackupFinding[] => {
  const name = `repo${repo}-retention-full`;
  const kept = Number(options.get(name));
  if (interval === undefined || !(kept > 0)) return [];
  const byTime = options.get(`${name}-type`) === "time";
  const oldest = byTime ? kept + interval : (kept + 1) * interval;
  const most = byTime ? keepDays - interval : Math.floor(keepDays / interval) - 1;
  if (oldest <= keepDays) return [];
  return [
    {
      code: "OWN_RETENTION",
      message: `by itself pgBackRest would keep up to ${oldest} days: ${name}=${kept}${byTime ? " days" : " full backups"}, one before them, ${interval} days apart`,
      hint:
        most < 1
          ? `make full backups at least every ${Math.floor(keepDays / 2)} days, and set ${name}=1`
          : `set ${name} to at most ${most}, so that the ${keepDays} days hold also where no night of Lethe runs`,
    },
  ];
};

const otherFindings = (options: ReadonlyMap<string, string>, repo: number): readonly BackupFinding[] => {
  const others = new Set(
    [...options.keys()].flatMap((name) => {
      const other = /^repo(\d+)-(?:path|type|host|s3-bucket|gcs-bucket|azure-container)$/.exec(name)?.[1];
      return other === undefined || Number(other) === repo ? [] : [Number(other)];
    }),
  );
  return [...others]
    .toSorted((a, b) => a - b)
    .map((other) => ({
      code: "OTHER_REPOSITORY",
      message: `pgBackRest keeps backups in repo${other}, too`,
      hint: `give it a repository of its own under \`backups\`, with \`repo: ${other}\`, unless there is one`,
    }));
};

/** Options of the file that hold for a stanza: those of \`[global]\`, and its own over them. */
const optionsOf = (text: string, stanza: string): ReadonlyMap<string, string> => {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  for (const line of text.split("\n").map((each) => each.trim())) {
    const header = /^\[(?<name>[^\]]+)\]$/.exec(line)?.groups?.["name"];
    if (header !== undefined) {
      section = sections.get(header) ?? new Map<string, string>();
      sections.set(header, section);
      continue;
    }
    const [, key, value] = /^(?<key>[a-z0-9-]+)\s*=\s*(?<value>.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) section.set(key, value);
  }
  return new Map([...(sections.get("global") ?? []), ...(sections.get(stanza) ?? [])]);
};

/** In whole days, rounded up; undefined of fewer than two. */
const longestInterval = (backups: readonly PgBackup[]): number | undefined => {
  const starts = backups
    .filter(({ type }) => type === "full")
    .map(({ timestamp }) => timestamp.start)
    .toSorted((a, b) => a - b);
  const gaps = starts.slice(1).map((start, index) => start - (starts[index] ?? start));
  return gaps.length === 0 ? undefined : Math.ceil(Math.max(...gaps) / 86_400);
};
