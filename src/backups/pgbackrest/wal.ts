import type { Listing } from "#backups/pgbackrest/info.ts";

/** A segment of the write-ahead log as it lies in the archive: its name, when it came there, in seconds since 1970. */
export type Segment = { readonly name: string; readonly time: number };

/** `TIMELINE LOG SEGMENT` in hexadecimal, then `-` and a checksum, and perhaps how it is compressed. */
const named = /(?:^|\/)(?<name>[0-9A-F]{24})-[0-9a-f]{40}(?:\.[a-z0-9]+)?$/;

export const segmentsIn = (files: Listing): readonly Segment[] =>
  Object.entries(files)
    .flatMap(([path, { time }]) => {
      const name = named.exec(path)?.groups?.["name"];
      return name === undefined || time === undefined ? [] : [{ name, time }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
