import { table } from "#cli/table.ts";
import type { HoldLine } from "#holds/list.ts";
import type { PlacedOnBackups } from "#holds/backups.ts";
import type { Released } from "#holds/release.ts";
import type { Placed } from "#holds/rows.ts";
import type { PlacedOnSubject } from "#holds/subject.ts";

const rowsText = (rows: number): string => `${rows} ${rows === 1 ? "row" : "rows"}`;

export const holdText = ({ ref, matter, rows }: Placed): string =>
  rows === null
    ? `${ref} of matter ${matter} is in force; the store could not be asked what it covers, the night will`
    : `${ref} of matter ${matter} is in force and covers ${rowsText(rows)} now`;

export const backupsText = ({ ref, matter, backups }: PlacedOnBackups): string =>
  `${ref} of matter ${matter} is in force and keeps ${backups} ${backups === 1 ? "backup" : "backups"} of those that were listed last`;

export const placedText = ({ ref, matter, found }: PlacedOnSubject): string => {
  const lines = found.map(({ store, rows }) =>
    rows === null
      ? `${store}: could not be asked, the night will`
      : rows === 1
        ? `${store}: found`
        : rows === 0
          ? `${store}: not there`
          : `${store}: ${rows} rows answer to it, and all of them are protected`,
  );
  return [`${ref} of matter ${matter} is in force`, ...lines].join("\n");
};

export const releasedText = ({ holds, requests }: Released): string =>
  [...holds.map((ref) => `${ref} is released`), ...requests.map(({ ref, state }) => `${ref} is ${state}`)].join("\n");

export const holdsText = (holds: readonly HoldLine[]): string =>
  holds.length === 0
    ? "no legal holds"
    : table(
        holds.map((hold) => [
          hold.ref,
          hold.matter,
          hold.reason,
          whatOf(hold),
          hold.placed.slice(0, 10),
          hold.released === null ? (hold.until ?? "") : `released ${hold.released.slice(0, 10)}`,
          hold.waiting,
        ]),
        [
          { title: "hold" },
          { title: "matter" },
          { title: "why" },
          { title: "what" },
          { title: "since" },
          { title: "until" },
          { title: "waiting", align: "right" },
        ],
      );

const whatOf = ({ kind, request, store, table: name, repository, backup, from, to }: HoldLine): string => {
  if (kind === "request") return `the person of ${request}`;
  if (kind === "subject") return "a person";
  const time = from === null && to === null ? "" : ` ${from ?? ""}..${to ?? ""}`;
  if (kind === "backups")
    return backup === null ? `backups in ${repository}${time}` : `backup ${backup} in ${repository}`;
  return `${store}.${name}${time}`;
};
